"""The land cover of each patch."""

import dagster as dg

from ben_assets.assets import columns
from ben_assets.assets.patches import patches
from ben_assets.assets.reference import corine_land_cover
from ben_assets.assets.tile_asset import materialize_tile, tile_asset


@tile_asset(
    deps=[patches, corine_land_cover],
    kinds={"geotiff", "corine"},
    level="patch",
    columns=columns.REFERENCE_MAPS,
)
def reference_maps(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """The CORINE 2018 map of each exported patch (120 x 120), and its pixel counts."""
    from ben_assets.steps.reference_maps import make_reference_maps

    return materialize_tile(context, make_reference_maps, {"land cover": "png"})
