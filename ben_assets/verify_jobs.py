"""Jobs ``verify`` and ``verify_release``: all rules again, on the bytes on disk.

Ordinary jobs, not selections of checks: so they have partitions, can be launched for
chosen tiles from every place, and report each result under its check and its tile.
"""

from collections.abc import Iterable, Iterator

import dagster as dg

from ben_assets.assets import RULE_CHECKS
from ben_assets.assets.rule_checks import RuleCheck, metadata_of, severity_of
from ben_assets.assets.tile_asset import line_log
from ben_assets.bigearthnet.errors import BenError
from ben_assets.bigearthnet.numerals import counted
from ben_assets.bigearthnet.outside_text import escaped
from ben_assets.partitions import tile_partitions
from ben_assets.validation.result import RuleResult
from resources.configured import (
    DataRootResource,
    PostgisResource,
    ReferenceInputsResource,
    TrackedArtifactsResource,
    settings_from,
)
from resources.data_root.flow import RELEASE
from resources.settings import Settings


@dg.op(out=dg.Out(dg.Nothing))
def evaluate_rules(
    context: dg.OpExecutionContext,
    data_root: DataRootResource,
    reference_inputs: ReferenceInputsResource,
    tracked_artifacts: TrackedArtifactsResource,
    postgis: PostgisResource,
) -> Iterator[dg.AssetCheckEvaluation]:
    """Evaluate every rule of a tile, or of inputs and release.

    Fails at the end if one is broken.
    """
    settings = settings_from(data_root, reference_inputs, tracked_artifacts, postgis)
    of_tile = context.has_partition_key
    checks = [check for check in RULE_CHECKS if check.has_tiles == of_tile]
    tile = context.partition_key if of_tile else RELEASE
    yield from _evaluate(context, checks, tile, settings)


@dg.job(
    partitions_def=tile_partitions,
    description="All rules of a tile on what is on disk, every byte; makes nothing.",
)
def verify() -> None:
    """The checks of one tile."""
    evaluate_rules()


@dg.job(
    description="All rules of inputs and release on what is on disk; makes nothing."
)
def verify_release() -> None:
    """The checks of the release."""
    evaluate_rules()


def _evaluate(
    context: dg.OpExecutionContext,
    checks: Iterable[RuleCheck],
    tile: str,
    settings: Settings,
) -> Iterator[dg.AssetCheckEvaluation]:
    """The result of each rule, under its check.

    Events of the run: Dagster keeps one result of a check, run and partition, so those
    of no run could be reported once and never again.

    Raises:
        dagster.Failure: a rule is broken; names all that are.
    """
    broken = []
    for check in checks:
        result = _result_of(check, context, tile, settings)
        name = f"{check.asset_name}: {check.name}"
        said = f"{name}: {_word(result)}: {result.description}"
        context.log.info("\n  ".join(map(escaped, (said, *result.differing))))
        yield dg.AssetCheckEvaluation(
            asset_key=check.asset.key,
            check_name=check.name,
            passed=result.passed,
            metadata=metadata_of(result),
            severity=severity_of(result),
            description=result.description,
            blocking=check.is_blocking,
            partition=tile if check.has_tiles else None,
        )
        if not result.passed and not result.is_warning:
            broken.append(f"{name}: {result.description}")
    if broken:
        raise dg.Failure(
            f"{counted(len(broken), 'check')} of {tile} failed: {'; '.join(broken)}. "
            f"The commands that repair it: ben verify {tile} --deep",
            allow_retries=False,
        )


def _result_of(
    check: RuleCheck, context: dg.OpExecutionContext, tile: str, settings: Settings
) -> RuleResult:
    try:
        return check.evaluate(tile, settings, line_log(context.log), deep=True)
    except BenError as error:
        return RuleResult(
            False, "something that can be read", f"[{error.failure_class}] {error}"
        )


def _word(result: RuleResult) -> str:
    if result.is_warning:
        return "warning"
    return "passed" if result.passed else "FAILED"
