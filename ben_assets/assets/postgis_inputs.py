"""The pinned inputs in PostGIS, and how assets publish there.

Switched off without ``BEN_POSTGIS_DSN``.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

import dagster as dg

from ben_assets.assets.reference import corine_land_cover, countries, v1_footprints
from ben_assets.assets.tile_asset import OWNERS, line_log
from ben_assets.bigearthnet.checksums import hash_list_digest
from ben_assets.failures import as_dagster_failure
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

SWITCHED_OFF: Final = "switched off: BEN_POSTGIS_DSN is not set"


def postgis_asset(
    level: str,
    deps: Iterable[dg.AssetsDefinition],
    partitions_def: dg.PartitionsDefinition | None = None,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Decorate an asset that publishes, or nothing where PostGIS is switched off."""
    return dg.asset(
        deps=list(deps),
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
    )


@postgis_asset(level="input", deps=[corine_land_cover])
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
    yield from publish(context, publish_clc2018, settings)


@postgis_asset(level="input", deps=[v1_footprints])
def postgis_v1_footprints(
    context: dg.AssetExecutionContext,
    data_root: DataRootResource,
    reference_inputs: ReferenceInputsResource,
    postgis: PostgisResource,
) -> Iterator[dg.MaterializeResult]:
    """The patches of BigEarthNet v1 in PostGIS, of the zones that are on disk."""
    from ben_assets.steps.postgis import publish_v1_footprints

    settings = settings_from(data_root, reference_inputs, postgis)
    yield from publish(context, publish_v1_footprints, settings)


@postgis_asset(level="input", deps=[countries])
def postgis_countries(
    context: dg.AssetExecutionContext,
    data_root: DataRootResource,
    reference_inputs: ReferenceInputsResource,
    postgis: PostgisResource,
) -> Iterator[dg.MaterializeResult]:
    """The ten countries in PostGIS."""
    from ben_assets.steps.postgis import publish_countries

    settings = settings_from(data_root, reference_inputs, postgis)
    yield from publish(context, publish_countries, settings)


def publish(
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
