"""What all checks have in common: where they apply, and how a verdict is shown."""

import functools
import importlib
from collections.abc import Callable
from typing import Any

import dagster as dg

from ben_assets.failures import as_dagster_failure
from ben_assets.tiles import find_tile
from ben_assets.validation.result import Verdict
from resources.data_root.records import RELEASE
from resources.data_root.store import Storage
from resources.settings import Settings

_Check = Callable[[dg.AssetCheckExecutionContext], dg.AssetCheckResult]


def rule_check(
    asset: dg.AssetsDefinition, module: str, name: str, *arguments: str, says: str
) -> dg.AssetChecksDefinition:
    """The check that a claim of ``ben_assets.validation`` holds; blocks what follows.

    Args:
        asset: what it is about.
        module: module of the claim, imported when the check runs: it is heavy.
        name: function there, and name of the check; takes the arguments, the tile
            where the asset has tiles, and the step context.
        arguments: see ``name``.
        says: the claim in words.
    """

    @where_on_disk(asset)
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        evaluate = getattr(
            importlib.import_module(f"ben_assets.validation.{module}"), name
        )
        tile = [find_tile(context.partition_key)] if asset.partitions_def else []
        return _result(evaluate(*arguments, *tile, _step_context(context)))

    return dg.asset_check(
        asset=asset,
        partitions_def=asset.partitions_def,
        blocking=True,
        name=name,
        description=says,
    )(check)


def where_on_disk(asset: dg.AssetsDefinition) -> Callable[[_Check], _Check]:
    """Let a check pass with a warning where there is nothing on disk to evaluate.

    So a run of checks alone goes through whatever of a tile somebody keeps. Errors of
    ours become failures with their class.
    """
    name = asset.key.path[-1]

    def decorate(check: _Check) -> _Check:
        @functools.wraps(check)
        def guarded(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
            tile = context.partition_key if asset.partitions_def else RELEASE
            with as_dagster_failure():
                if Storage(Settings().data_dir).record_path(name, tile).exists():
                    return check(context)
                return _result(
                    Verdict.not_evaluated("not on disk: nothing to evaluate")
                )

        return guarded

    return decorate


def _step_context(context: dg.AssetCheckExecutionContext) -> Any:  # noqa: ANN401
    from ben_assets.steps.step_context import StepContext  # heavy: not at load time

    return StepContext.from_settings(Settings(), context.log.info)


def _result(outcome: Verdict) -> dg.AssetCheckResult:
    severity = dg.AssetCheckSeverity
    metadata: dict[str, Any] = {"expected": outcome.expected, "found": outcome.found}
    if outcome.differing:
        metadata["differing"] = list(outcome.differing)
    return dg.AssetCheckResult(
        passed=outcome.passed,
        severity=severity.WARN if outcome.is_warning else severity.ERROR,
        description=outcome.found,
        metadata=metadata,
    )
