"""Checks of the L1C products: tracked ids and zips, and what the service states."""

from typing import Any, Final

import dagster as dg

from ben_assets.assets.l1c import l1c_zips, tile_ids
from ben_assets.checks.check import where_on_disk
from ben_assets.failures import as_dagster_failure
from ben_assets.partitions import tile_partitions
from ben_assets.tiles import find_tile
from resources.data_root.store import Storage, StoredRecord
from resources.settings import Settings

_PREVIEW: Final = 40
_ERROR: Final = dg.AssetCheckSeverity.ERROR
_WARN: Final = dg.AssetCheckSeverity.WARN


@dg.asset_check(asset=tile_ids, partitions_def=tile_partitions)
@where_on_disk(tile_ids)
def id_is_tracked(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """The catalogue's id equals the one that the published data set was made from.

    A warning only: an archive that takes a product in anew gives it a new id; whether
    the data are the same is seen in the zip.
    """
    with as_dagster_failure():
        expected = find_tile(context.partition_key).cdse_id
        found = str(_record(context, "tile_ids").facts["id"])
    return dg.AssetCheckResult(
        passed=expected in (None, found),
        severity=_WARN,
        description="no tracked id" if expected is None else None,
        metadata={"expected": expected or "none", "found": found},
    )


@dg.asset_check(asset=l1c_zips, partitions_def=tile_partitions, blocking=True)
@where_on_disk(l1c_zips)
def zip_is_tracked(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """The zip equals the tracked one, or at least every image in it is verified.

    Another zip whose images its manifest verifies is a warning: services add previews
    and pack anew. Images without proof, or unlike the tracked ones, stop the tile.
    """
    from ben_assets.validation.l1c_rules import Verdict, evaluate

    with as_dagster_failure():
        tile = find_tile(context.partition_key)
        record = _record(context, "l1c_zips")
        result = evaluate(record, tile, Settings().tracked_artifacts)
    return dg.AssetCheckResult(
        passed=result.outcome in {Verdict.EQUAL, Verdict.UNTRACKED},
        severity=_ERROR
        if result.outcome in {Verdict.EQUAL, Verdict.UNPROVEN}
        else _WARN,
        description=result.sentence,
        metadata={
            "expected": result.expected,
            "found": result.found,
            "differing": list(result.differing),
            "unknown to the manifest": list(result.unknown),
        },
    )


@dg.asset_check(asset=l1c_zips, partitions_def=tile_partitions)
@where_on_disk(l1c_zips)
def catalogue_is_current(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """Length and checksums of the catalogue hold for the zip that it delivers.

    Where they do not, the same bytes came twice and every file of the product is
    verified: the catalogue is stale, or the zip is packed anew. A warning that lists
    what is new.
    """
    with as_dagster_failure():
        facts: dict[str, Any] = _record(context, "l1c_zips").facts
    checks = {name: " ".join(p.values()) for name, p in facts["checks"].items()}
    stale = [n for n, p in facts["checks"].items() if p["state"] == "changed upstream"]
    return dg.AssetCheckResult(
        passed=not stale,
        severity=_WARN,
        description=f"changed upstream: {', '.join(stale)}" if stale else None,
        metadata={
            "checks": checks,
            "unknown to the manifest": facts["unknown_members"][:_PREVIEW],
            "changed members": facts["changed_members"],
        },
    )


def _record(context: dg.AssetCheckExecutionContext, asset: str) -> StoredRecord:
    return Storage(Settings().data_dir).require(asset, context.partition_key)


CHECKS: Final = [id_is_tracked, zip_is_tracked, catalogue_is_current]
