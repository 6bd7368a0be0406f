"""The land cover of each patch."""

from typing import TYPE_CHECKING, Final

import dagster as dg

from ben_assets.assets.rule_checks import matches_tracked_hash, rule
from ben_assets.assets.tile_asset import materialize_tile, tile_asset
from ben_assets.bigearthnet import table_columns
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.validation.result import RuleResult
from resources.configured import (
    DataRootResource,
    PostgisResource,
    ReferenceInputsResource,
)

if TYPE_CHECKING:
    from ben_assets.steps.step_context import StepContext


@tile_asset(
    kinds={"geotiff", "corine"}, level="patch", columns=table_columns.REFERENCE_MAPS
)
def reference_maps(
    context: dg.AssetExecutionContext,
    data_root: DataRootResource,
    reference_inputs: ReferenceInputsResource,
    postgis: PostgisResource,
) -> dg.MaterializeResult:
    """The land cover map of each exported patch (120 x 120), and its pixel counts."""
    from ben_assets.steps.reference_maps import make_reference_maps

    return materialize_tile(
        context,
        make_reference_maps,
        data_root,
        reference_inputs,
        postgis,
        pictures={"land cover": "png"},
    )


@rule(reference_maps)
def codes_are_known(tile: Tile, ctx: "StepContext") -> RuleResult:
    """Only codes of the legend and 999 occur, and they fill every map of the tile."""
    from ben_assets.validation import dataset_rules

    return dataset_rules.codes_are_known(tile, ctx)


@rule(reference_maps, is_blocking=False)
def land_cover_is_of_the_years_around(tile: Tile, ctx: "StepContext") -> RuleResult:
    """Land cover and sensing lie at most two years apart; a warning only."""
    from ben_assets.validation import recipe_rules

    return recipe_rules.land_cover_is_of_the_years_around(tile, ctx)


@rule(reference_maps, is_blocking=False)
def land_cover_covers_the_tile(tile: Tile, ctx: "StepContext") -> RuleResult:
    """At most a tenth of an own tile is without land cover; a warning only."""
    from ben_assets.validation import recipe_rules

    return recipe_rules.land_cover_covers_the_tile(tile, ctx)


ASSETS: Final = (reference_maps,)
"""All assets of this stage, in flow order."""

CHECKS: Final = (
    codes_are_known,
    land_cover_is_of_the_years_around,
    land_cover_covers_the_tile,
    matches_tracked_hash(reference_maps),
)
