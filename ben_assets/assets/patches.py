"""The patches of each tile."""

from typing import Final

import dagster as dg

from ben_assets.assets import columns
from ben_assets.assets.l2a import l2a_tiles
from ben_assets.assets.reference import countries, v1_footprints
from ben_assets.assets.tile_asset import materialize_tile, tile_asset

_PICTURES: Final = {"true colour": "jpg", "split and validity": "png"}


@tile_asset(
    deps=[l2a_tiles, countries, v1_footprints],
    kinds={"geotiff", "geoparquet"},
    level="patch",
    columns=columns.PATCHES,
)
def patches(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Twelve GeoTIFFs of each valid, aligned patch, and the table of all grid cells.

    A patch is 1200 m x 1200 m; it is valid if no pixel of its twelve bands is zero.
    """
    from ben_assets.steps.patches import make_patches

    return materialize_tile(context, make_patches, _PICTURES)
