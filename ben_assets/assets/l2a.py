"""Surface reflectance: the L2A product of each tile."""

from typing import Final

import dagster as dg

from ben_assets.assets.l1c import l1c_zips
from ben_assets.assets.tile_asset import materialize_tile, tile_asset

_TRIES_AFTER_A_KILL: Final = 1
_PAUSE_SECONDS: Final = 10


@tile_asset(
    deps=[l1c_zips],
    kinds={"sentinel2", "jpeg2000"},
    level="L2A",
    pool="sen2cor",
    memory_gib=8,
)
def l2a_tiles(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """One verified Sentinel-2 L2A product (`.SAFE`) of the tile.

    Imported from `BEN_L2A_DIR`, or made from the zip in `l1c_zips` by the processor
    that `BEN_L2A_PROCESSOR` names; a product on disk that still verifies is kept.
    """
    from ben_assets.steps.l2a import make_l2a_tile

    try:
        return materialize_tile(context, make_l2a_tile)
    except dg.Failure as failure:
        # Not by RetryPolicy, which would also repeat an hour's work after a bug.
        if failure.allow_retries:
            raise dg.RetryRequested(
                _TRIES_AFTER_A_KILL, seconds_to_wait=_PAUSE_SECONDS
            ) from failure
        raise
