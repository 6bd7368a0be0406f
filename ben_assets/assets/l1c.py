"""Top-of-atmosphere reflectance: the L1C product of each tile, found and fetched."""

import dagster as dg

from ben_assets.assets.tile_asset import (
    materialize_release,
    materialize_tile,
    release_asset,
    tile_asset,
)


@tile_asset(kinds={"sentinel2", "json"}, level="L1C", pool="cdse")
def tile_ids(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Id, size and checksums of the tile's L1C product in the Copernicus Data Space.

    Fails by name where the product was deleted, is offline or was reprocessed.
    """
    from ben_assets.steps.l1c import make_tile_id

    return materialize_tile(context, make_tile_id)


@tile_asset(deps=[tile_ids], kinds={"sentinel2", "zip"}, level="L1C", pool="cdse")
def l1c_zips(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """One Sentinel-2 L1C product as a zip whose every byte is accounted for.

    Downloaded by the id in `tile_ids`, or imported from `BEN_L1C_DIR`; a zip on disk
    that still verifies is kept.
    """
    from ben_assets.steps.l1c import make_l1c_zip

    return materialize_tile(context, make_l1c_zip)


@release_asset(deps=[tile_ids], kinds={"csv"})
def tile_id_csv(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """The original's table of product names and CDSE ids, over all tiles found."""
    from ben_assets.steps.l1c import make_tile_id_csv

    return materialize_release(context, make_tile_id_csv)


@release_asset(deps=[l1c_zips], kinds={"csv"})
def l1c_hash_csv(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """The original's table of L1C zip hashes, over all zips on disk."""
    from ben_assets.steps.l1c import make_l1c_hash_csv

    return materialize_release(context, make_l1c_hash_csv)
