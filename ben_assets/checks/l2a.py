"""Checks of the L2A products: bands, time, quality, and what they were made with."""

from typing import Final

import dagster as dg

from ben_assets.assets.l2a import l2a_tiles
from ben_assets.checks.check import where_on_disk
from ben_assets.failures import as_dagster_failure
from ben_assets.partitions import tile_partitions
from ben_assets.tiles import find_tile
from resources.data_root.store import Storage, StoredRecord
from resources.settings import Settings

_ERROR: Final = dg.AssetCheckSeverity.ERROR
_WARN: Final = dg.AssetCheckSeverity.WARN  # only where it fails: it shows as one


@dg.asset_check(asset=l2a_tiles, partitions_def=tile_partitions, blocking=True)
@where_on_disk(l2a_tiles)
def has_expected_bands(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """All 12 bands are there in native resolution, of the right size, type and CRS.

    A tile of BigEarthNet v2 is 109.8 km a side; a user's own may be smaller.
    """
    from ben_assets.validation.l2a_rules import band_problem

    with as_dagster_failure():
        record = _record(context)
        problem = band_problem(record, find_tile(context.partition_key), Settings())
    return dg.AssetCheckResult(
        passed=problem is None,
        description=problem,
        metadata={"side in metres": record.facts["side_m"]},
    )


@dg.asset_check(asset=l2a_tiles, partitions_def=tile_partitions)
@where_on_disk(l2a_tiles)
def start_time_is_of_name(
    context: dg.AssetCheckExecutionContext,
) -> dg.AssetCheckResult:
    """PRODUCT_START_TIME is within 1 s of the sensing time in the product's name.

    The season, and so the alignment with BigEarthNet v1, follows from it.
    """
    from ben_assets.validation.l2a_rules import start_time_difference

    with as_dagster_failure():
        record = _record(context)
        seconds = start_time_difference(record)
    return dg.AssetCheckResult(
        passed=abs(seconds) <= 1,
        metadata={
            "found": record.facts["start_time"],
            "expected": find_tile(
                context.partition_key
            ).product.sensing_time.isoformat(),
            "difference in seconds": seconds,
        },
    )


@dg.asset_check(asset=l2a_tiles, partitions_def=tile_partitions)
@where_on_disk(l2a_tiles)
def quality_passed(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """ESA's general, geometric, radiometric and sensor quality checks passed.

    A warning only: the tile's patches and reference maps are exported all the same,
    but it gets no labels.
    """
    with as_dagster_failure():
        facts = _record(context).facts
    failed: dict[str, str] = facts["failed_quality_checks"]
    stated = ", ".join(f"{name} is {result}" for name, result in failed.items())
    return dg.AssetCheckResult(
        passed=not failed,
        severity=_WARN if failed else _ERROR,
        description=f"{stated}: patches and reference maps of this tile are exported, "
        "labels are not"
        if failed
        else None,
        metadata={"quality": dg.MetadataValue.json(facts["quality"])},
    )


@dg.asset_check(asset=l2a_tiles, partitions_def=tile_partitions)
@where_on_disk(l2a_tiles)
def is_made_with_sen2cor_2_11(
    context: dg.AssetCheckExecutionContext,
) -> dg.AssetCheckResult:
    """The product comes from sen2cor 2.11, as those of BigEarthNet v2 do.

    A warning only; whether the pixels are the published ones is seen by their hash.
    """
    from resources.sen2cor.installation import foreign_processor

    with as_dagster_failure():
        facts = _record(context).facts
    difference = foreign_processor(facts["processor"], facts["version"])
    return dg.AssetCheckResult(
        passed=difference is None,
        severity=_WARN if difference else _ERROR,
        description=difference,
        metadata={
            "expected": "sen2cor 2.11",
            "found": f"{facts['processor']} {facts['version']}",
            "warnings": list(facts["warnings"]),
        },
    )


def _record(context: dg.AssetCheckExecutionContext) -> StoredRecord:
    return Storage(Settings().data_dir).require("l2a_tiles", context.partition_key)


CHECKS: Final = [
    has_expected_bands,
    start_time_is_of_name,
    quality_passed,
    is_made_with_sen2cor_2_11,
]
