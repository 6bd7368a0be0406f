"""What PostGIS says of a published tile, by the rules stated anew in SQL."""

from __future__ import annotations

from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.steps.step_context import StepContext
from ben_assets.validation.result import SHOWN, SWITCHED_OFF, RuleResult
from resources.postgis.crosschecks import cross_check
from resources.postgis.database import Postgis


def agrees_with_sql(sql: str, tile: Tile, ctx: StepContext) -> RuleResult:
    """A rule of ``resources.postgis.crosschecks`` finds the same in all cells."""
    if ctx.settings.text("BEN_POSTGIS_DSN") is None:
        return RuleResult.not_evaluated(SWITCHED_OFF)
    if _is_of_another_recipe(sql, tile, ctx):
        return RuleResult.not_evaluated(
            "SQL states the rules of BigEarthNet v2; this tile follows others"
        )
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


def _is_of_another_recipe(sql: str, tile: Tile, ctx: StepContext) -> bool:
    """Whether a user's own tile has a country or labels by rules that SQL lacks."""
    if tile.alignment == "v1" or sql not in ("countries", "labels"):
        return False
    default = ctx.recipe("v1").sha256
    return sql == "countries" or ctx.recipe(tile.alignment).sha256 != default
