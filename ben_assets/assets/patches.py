"""The patches of each tile."""

from typing import TYPE_CHECKING, Final

import dagster as dg

from ben_assets.assets.rule_checks import matches_tracked_hash, rule
from ben_assets.assets.tile_asset import materialize_tile, tile_asset
from ben_assets.bigearthnet import table_columns
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.validation.result import RuleResult
from resources.configured import DataRootResource, ReferenceInputsResource

if TYPE_CHECKING:
    from ben_assets.steps.step_context import StepContext

_PICTURES: Final = {"true colour": "jpg", "split and validity": "png"}


@tile_asset(
    kinds={"geotiff", "geoparquet"}, level="patch", columns=table_columns.PATCHES
)
def patches(
    context: dg.AssetExecutionContext,
    data_root: DataRootResource,
    reference_inputs: ReferenceInputsResource,
) -> dg.MaterializeResult:
    """Twelve GeoTIFFs of each valid, aligned patch, and the table of all grid cells.

    A patch is 1200 m x 1200 m; it is valid if no pixel of its twelve bands is zero.
    """
    from ben_assets.steps.patches import make_patches

    return materialize_tile(
        context, make_patches, data_root, reference_inputs, pictures=_PICTURES
    )


@rule(patches)
def every_patch_has_its_bands(tile: Tile, ctx: "StepContext") -> RuleResult:
    """Exactly twelve files of each valid and aligned patch are on disk."""
    from ben_assets.validation import patch_rules

    return patch_rules.every_patch_has_its_bands(tile, ctx)


@rule(patches, is_blocking=False)
def zone_has_v1_footprints(tile: Tile, ctx: "StepContext") -> RuleResult:
    """A tile to be aligned with v1 lies in a zone where v1 has footprints."""
    from ben_assets.validation import patch_rules

    return patch_rules.zone_has_v1_footprints(tile, ctx)


@rule(patches)
def no_pixel_is_zero(tile: Tile, ctx: "StepContext") -> RuleResult:
    """No pixel of any exported patch is 0, which stands for no measurement."""
    from ben_assets.validation import patch_rules

    return patch_rules.no_pixel_is_zero(tile, ctx)


@rule(patches, is_blocking=False)
def no_patch_is_lost_to_dark_pixels(tile: Tile, ctx: "StepContext") -> RuleResult:
    """No patch is invalid for zeros in some bands alone, inside the swath; a warning.

    Such pixels are dark, as water is in B11 and B12, rather than not measured.
    """
    from ben_assets.validation import patch_rules

    return patch_rules.no_patch_is_lost_to_dark_pixels(tile, ctx)


@rule(patches)
def value_scale_is_that_of_the_recipe(tile: Tile, ctx: "StepContext") -> RuleResult:
    """Digital numbers are stored in the scale that the tile's recipe states.

    Baseline and offsets in the record are those of the L2A product.
    """
    from ben_assets.validation import recipe_rules

    return recipe_rules.value_scale_is_that_of_the_recipe(tile, ctx)


@rule(patches, is_blocking=False)
def countries_are_near(tile: Tile, ctx: "StepContext") -> RuleResult:
    """The nearest country of each patch is at most 20 km away; a warning only."""
    from ben_assets.validation import recipe_rules

    return recipe_rules.countries_are_near(tile, ctx)


ASSETS: Final = (patches,)
"""All assets of this stage, in flow order."""

CHECKS: Final = (
    every_patch_has_its_bands,
    zone_has_v1_footprints,
    no_pixel_is_zero,
    no_patch_is_lost_to_dark_pixels,
    value_scale_is_that_of_the_recipe,
    countries_are_near,
    matches_tracked_hash(patches),
)
