"""Cross-checks in SQL: does PostGIS come to the same results as our rules?"""

from typing import Final

import dagster as dg

from ben_assets.assets.postgis import (
    SWITCHED_OFF,
    postgis_clc2018,
    postgis_countries,
    postgis_patches,
    postgis_v1_footprints,
)
from ben_assets.failures import as_dagster_failure
from ben_assets.partitions import tile_partitions
from resources.settings import Settings

_SHOWN: Final = 20

_CLAIMS: Final = {
    "splits_follow_from_geometry": "splits",
    "countries_are_the_nearest": "countries",
    "seasons_follow_from_time": "seasons",
    "v1_twins_are_covered": "v1_alignment",
    "grid_is_squares_without_overlap": "grid",
    "labels_follow_from_polygons": "labels",
}
"""Check name to rule of ``resources.postgis.crosschecks``."""

_INPUTS: Final = {
    "countries": [postgis_countries],
    "v1_alignment": [postgis_v1_footprints],
    "labels": [postgis_clc2018],
}
"""Rule to the input tables that it reads."""


def agrees_with_postgis(claim: str, rule: str) -> dg.AssetChecksDefinition:
    """The check that a rule, stated anew in SQL, finds nothing else in a tile."""

    @dg.asset_check(
        asset=postgis_patches,
        additional_deps=_INPUTS.get(rule, []),  # in one run they are loaded first
        partitions_def=tile_partitions,
        name=claim,
        description=f"crosschecks/{rule}.sql finds the same in all cells of the tile; "
        "without PostGIS, or without the inputs there, it passes with a warning.",
    )
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        settings = Settings()
        if settings.text("BEN_POSTGIS_DSN") is None:
            return _warning(SWITCHED_OFF)
        from resources.postgis.crosschecks import cross_check
        from resources.postgis.database import Postgis

        with as_dagster_failure():
            database = Postgis.from_settings(settings)
            result = cross_check(database, rule, context.partition_key)
        if result.lacking:
            return _warning(result.outcome)
        return dg.AssetCheckResult(
            passed=not result.differing,
            description=result.outcome,
            metadata={
                "cells": result.cells,
                "disagreeing": len(result.differing),
                "database": database.name,
                **_table(result.differing),
            },
        )

    return check


def _warning(reason: str) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=True, severity=dg.AssetCheckSeverity.WARN, description=reason
    )


def _table(
    differing: list[tuple[str, str | None, str | None]],
) -> dict[str, dg.TableMetadataValue]:
    rows = [
        dg.TableRecord({"patch": patch, "expected": str(wanted), "found": str(found)})
        for patch, wanted, found in differing[:_SHOWN]
    ]
    return {"first": dg.MetadataValue.table(rows)} if rows else {}


CHECKS: Final = [agrees_with_postgis(*names) for names in _CLAIMS.items()]
