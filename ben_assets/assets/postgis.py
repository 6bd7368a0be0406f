"""The data set in PostGIS; switched off without ``BEN_POSTGIS_DSN``."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import dagster as dg

from ben_assets.assets.patches import patches
from ben_assets.assets.postgis_inputs import (
    SWITCHED_OFF,
    postgis_asset,
    postgis_clc2018,
    postgis_countries,
    postgis_v1_footprints,
    publish,
)
from ben_assets.assets.reference_maps import reference_maps
from ben_assets.assets.release import metadata_tables
from ben_assets.assets.rule_checks import RuleCheck
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.partitions import TILES, tile_partitions
from ben_assets.validation.result import SHOWN, RuleResult
from resources.configured import (
    DataRootResource,
    PostgisResource,
    ReferenceInputsResource,
    settings_from,
)

if TYPE_CHECKING:
    from ben_assets.steps.step_context import StepContext


@postgis_asset(
    level="patch",
    deps=[patches, reference_maps, metadata_tables],
    partitions_def=tile_partitions,
)
def postgis_patches(
    context: dg.AssetExecutionContext,
    data_root: DataRootResource,
    reference_inputs: ReferenceInputsResource,
    postgis: PostgisResource,
) -> Iterator[dg.MaterializeResult]:
    """The tile's grid cells, labels and pixel counts in PostGIS, all or none of them.

    They replace the tile's rows in one transaction; its row in `tiles` is the record.
    """
    from ben_assets.steps.postgis import publish_patches

    tile = TILES[context.partition_key]
    settings = settings_from(data_root, reference_inputs, postgis)
    yield from publish(context, lambda ctx: publish_patches(tile, ctx), settings)


def _is_of_another_recipe(sql: str, tile: Tile, ctx: "StepContext") -> bool:
    """Whether a user's own tile has a country or labels by rules that SQL lacks."""
    if tile.alignment == "v1" or sql not in ("countries", "labels"):
        return False
    default = ctx.recipe("v1").sha256
    return sql == "countries" or ctx.recipe(tile.alignment).sha256 != default


def agrees_with_postgis(
    name: str, sql: str, inputs: tuple[dg.AssetsDefinition, ...] = ()
) -> RuleCheck:
    """The check that a rule, stated anew in SQL, finds nothing else in a tile.

    Args:
        name: of the check.
        sql: rule of ``resources.postgis.crosschecks``.
        inputs: the tables that it reads.
    """

    def cross_check_of(tile: Tile, ctx: "StepContext") -> RuleResult:
        if ctx.settings.text("BEN_POSTGIS_DSN") is None:
            return RuleResult.not_evaluated(SWITCHED_OFF)
        if _is_of_another_recipe(sql, tile, ctx):
            return RuleResult.not_evaluated(
                "SQL states the rules of BigEarthNet v2; this tile follows others"
            )
        from resources.postgis.crosschecks import cross_check
        from resources.postgis.database import Postgis

        database = Postgis.from_settings(ctx.settings)
        result = cross_check(database, sql, tile.key)
        if result.lacking:
            return RuleResult.not_evaluated(result.outcome)
        differing = tuple(
            f"{patch}: expected {wanted}, found {found}"
            for patch, wanted, found in result.differing[:SHOWN]
        )
        return RuleResult(
            not result.differing,
            f"{result.cells} cells as in SQL",
            result.outcome,
            differing,
            details={
                "cells": result.cells,
                "disagreeing": len(result.differing),
                "database": database.name,
            },
        )

    says = (
        f"crosschecks/{sql}.sql finds the same in all cells of the tile; without "
        "PostGIS, or without the inputs there, it passes with a warning."
    )
    return RuleCheck(
        postgis_patches,
        name,
        says,
        cross_check_of,
        is_blocking=False,
        needs_record=False,
        additional_deps=inputs,  # in one run they are loaded first
    )


CHECKS: Final = (
    agrees_with_postgis("splits_follow_from_geometry", "splits"),
    agrees_with_postgis("countries_are_the_nearest", "countries", (postgis_countries,)),
    agrees_with_postgis("seasons_follow_from_time", "seasons"),
    agrees_with_postgis(
        "v1_patches_are_covered", "v1_alignment", (postgis_v1_footprints,)
    ),
    agrees_with_postgis("grid_is_squares_without_overlap", "grid"),
    agrees_with_postgis("labels_follow_from_polygons", "labels", (postgis_clc2018,)),
)
