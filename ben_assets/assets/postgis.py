"""The data set in PostGIS; switched off without ``BEN_POSTGIS_DSN``."""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import dagster as dg

from ben_assets.assets.rule_checks import RuleCheck
from ben_assets.assets.tile_asset import OWNERS, line_log, upstream
from ben_assets.bigearthnet.checksums import hash_list_digest
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.failures import as_dagster_failure
from ben_assets.partitions import TILES, tile_partitions
from ben_assets.validation.result import SWITCHED_OFF, RuleResult
from resources.configured import (
    DataRootResource,
    PostgisResource,
    ReferenceInputsResource,
    settings_from,
)
from resources.settings import Settings

if TYPE_CHECKING:
    from ben_assets.steps.postgis import Publication
    from ben_assets.steps.step_context import StepContext


def postgis_asset(
    level: str,
    partitions_def: dg.PartitionsDefinition | None = None,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Decorate an asset that publishes, or nothing where PostGIS is switched off."""
    return lambda function: dg.asset(
        deps=upstream(function.__name__),
        partitions_def=partitions_def,
        owners=OWNERS,
        kinds={"postgres", "postgis"},
        tags={"ben/level": level},
        code_version="1",
        pool="postgis",
        output_required=False,
        # waits 14 s in all: long enough for a server that restarts
        retry_policy=dg.RetryPolicy(
            max_retries=3, delay=2, backoff=dg.Backoff.EXPONENTIAL
        ),
    )(function)


@postgis_asset(level="input")
def postgis_clc2018(
    context: dg.AssetExecutionContext,
    data_root: DataRootResource,
    reference_inputs: ReferenceInputsResource,
    postgis: PostgisResource,
) -> Iterator[dg.MaterializeResult]:
    """The CORINE 2018 polygons in PostGIS, EPSG:3035, as in the GeoPackage.

    With `BEN_CLC_PATH=postgis`, `reference_maps` takes its polygons from there.
    """
    from ben_assets.steps.postgis import publish_clc2018

    settings = settings_from(data_root, reference_inputs, postgis)
    yield from _publish(context, publish_clc2018, settings)


@postgis_asset(level="input")
def postgis_v1_footprints(
    context: dg.AssetExecutionContext,
    data_root: DataRootResource,
    reference_inputs: ReferenceInputsResource,
    postgis: PostgisResource,
) -> Iterator[dg.MaterializeResult]:
    """The patches of BigEarthNet v1 in PostGIS, of the zones that are on disk."""
    from ben_assets.steps.postgis import publish_v1_footprints

    settings = settings_from(data_root, reference_inputs, postgis)
    yield from _publish(context, publish_v1_footprints, settings)


@postgis_asset(level="input")
def postgis_countries(
    context: dg.AssetExecutionContext,
    data_root: DataRootResource,
    reference_inputs: ReferenceInputsResource,
    postgis: PostgisResource,
) -> Iterator[dg.MaterializeResult]:
    """The ten countries in PostGIS."""
    from ben_assets.steps.postgis import publish_countries

    settings = settings_from(data_root, reference_inputs, postgis)
    yield from _publish(context, publish_countries, settings)


@postgis_asset(level="patch", partitions_def=tile_partitions)
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
    yield from _publish(context, lambda ctx: publish_patches(tile, ctx), settings)


def _publish(
    context: dg.AssetExecutionContext,
    step: Callable[["StepContext"], "Publication"],
    settings: Settings,
) -> Iterator[dg.MaterializeResult]:
    """Run a step that publishes, and show what it brought into the database."""
    if settings.text("BEN_POSTGIS_DSN") is None:
        context.log.warning("%s: nothing is published", SWITCHED_OFF)
        context.log_event(
            dg.AssetObservation(
                context.asset_key,
                partition=context.partition_key if context.has_partition_key else None,
                metadata={"postgis": SWITCHED_OFF},
            )
        )
        return
    from ben_assets.steps.step_context import StepContext

    with as_dagster_failure():
        started = time.perf_counter()
        done = step(StepContext.from_settings(settings, line_log(context.log)))
        seconds = time.perf_counter() - started
    yield dg.MaterializeResult(
        data_version=dg.DataVersion(hash_list_digest(done.made_from)),
        metadata=_metadata(done) | {"seconds": round(seconds, 2)},
    )


def _metadata(done: "Publication") -> dict[str, Any]:
    rows = [
        dg.TableRecord({"table": table, "rows": count})
        for table, count in done.rows.items()
    ]
    return {
        "dagster/row_count": next(iter(done.rows.values())),
        "published": dg.MetadataValue.table(rows),
        "database": done.database,
        "made_from": dg.MetadataValue.json(done.made_from),
    }


def agrees_with_postgis(
    name: str, sql: str, inputs: tuple[dg.AssetsDefinition, ...] = ()
) -> RuleCheck:
    """The check that a rule, stated anew in SQL, finds nothing else in a tile.

    Args:
        name: of the check.
        sql: rule of ``resources.postgis.crosschecks``.
        inputs: the tables that it reads.
    """

    def agrees(tile: Tile, ctx: "StepContext") -> RuleResult:
        from ben_assets.validation.crosscheck_rules import agrees_with_sql

        return agrees_with_sql(sql, tile, ctx)

    says = (
        f"crosschecks/{sql}.sql finds the same in all cells of the tile; without "
        "PostGIS, or without the inputs there, it passes with a warning."
    )
    return RuleCheck(
        postgis_patches,
        name,
        says,
        agrees,
        is_blocking=False,
        needs_record=False,
        additional_deps=inputs,  # in one run they are loaded first
    )


ASSETS: Final = (
    postgis_clc2018,
    postgis_v1_footprints,
    postgis_countries,
    postgis_patches,
)
"""All assets of this stage, in flow order."""

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
