"""The data set in PostGIS; switched off without ``BEN_POSTGIS_DSN``."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

import dagster as dg

from ben_assets.assets.patches import patches
from ben_assets.assets.reference_maps import reference_maps
from ben_assets.assets.release import metadata_tables
from ben_assets.assets.tile_asset import OWNERS
from ben_assets.bigearthnet.checksums import hash_list_digest
from ben_assets.failures import as_dagster_failure
from ben_assets.partitions import tile_partitions
from ben_assets.tiles import find_tile
from resources.settings import Settings

if TYPE_CHECKING:
    from ben_assets.steps.postgis import Publication
    from ben_assets.steps.step_context import StepContext

SWITCHED_OFF: Final = "switched off: BEN_POSTGIS_DSN is not set"


def _postgis_asset(
    level: str,
    deps: Iterable[dg.AssetsDefinition] = (),
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


@_postgis_asset(
    level="patch",
    deps=[patches, reference_maps, metadata_tables],
    partitions_def=tile_partitions,
)
def postgis_patches(
    context: dg.AssetExecutionContext,
) -> Iterator[dg.MaterializeResult]:
    """The tile's grid cells, labels and pixel counts in PostGIS, all or none of them.

    They replace the tile's rows in one transaction; its row in `tiles` is the record.
    """
    from ben_assets.steps.postgis import publish_patches

    yield from _publish(
        context, lambda ctx: publish_patches(find_tile(context.partition_key), ctx)
    )


@_postgis_asset(level="input")
def postgis_clc2018(
    context: dg.AssetExecutionContext,
) -> Iterator[dg.MaterializeResult]:
    """The CORINE 2018 polygons in PostGIS, EPSG:3035, as in the GeoPackage.

    With `BEN_CLC_PATH=postgis`, `reference_maps` takes its polygons from there.
    """
    from ben_assets.steps.postgis import publish_clc2018

    yield from _publish(context, publish_clc2018)


@_postgis_asset(level="input")
def postgis_v1_footprints(
    context: dg.AssetExecutionContext,
) -> Iterator[dg.MaterializeResult]:
    """The patches of BigEarthNet v1 in PostGIS, of the zones that are on disk."""
    from ben_assets.steps.postgis import publish_v1_footprints

    yield from _publish(context, publish_v1_footprints)


@_postgis_asset(level="input")
def postgis_countries(
    context: dg.AssetExecutionContext,
) -> Iterator[dg.MaterializeResult]:
    """The ten countries in PostGIS."""
    from ben_assets.steps.postgis import publish_countries

    yield from _publish(context, publish_countries)


def _publish(
    context: dg.AssetExecutionContext,
    publish: Callable[["StepContext"], "Publication"],
) -> Iterator[dg.MaterializeResult]:
    settings = Settings()
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
        done = publish(StepContext.from_settings(settings, context.log.info))
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
