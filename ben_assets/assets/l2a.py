"""Surface reflectance: the L2A product of each tile."""

import dagster as dg

from ben_assets.assets.tile_asset import materialize_tile, tile_asset


@tile_asset(kinds={"sentinel2", "jpeg2000"}, level="L2A", pool="sen2cor")
def l2a_tiles(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """One proven Sentinel-2 L2A product (`.SAFE`) of the tile.

    Adopted from `BEN_L2A_DIR`; a product on disk that still verifies is kept.
    """
    from ben_assets.steps.l2a import make_l2a_tile

    return materialize_tile(context, make_l2a_tile)
