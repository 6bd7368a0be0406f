"""Rules as asset checks: one property each, which a run and job ``verify`` evaluate.

Belongs here: where a rule applies, and how its result is shown. Not here: the rules
themselves, which know no Dagster (``ben_assets.validation``).
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from ben_assets.assets.tile_asset import line_log
from ben_assets.bigearthnet.outside_text import escaped
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.failures import as_dagster_failure
from ben_assets.partitions import TILES, tile_partitions
from ben_assets.validation.result import Detail, RuleResult
from resources.configured import (
    DataRootResource,
    PostgisResource,
    ReferenceInputsResource,
    TrackedArtifactsResource,
    settings_from,
)
from resources.data_root.flow import RELEASE
from resources.settings import Settings

if TYPE_CHECKING:
    from ben_assets.steps.step_context import StepContext

# checks by tile: told at each start, and not for a user to act on
warnings.filterwarnings("ignore", "Specifying a partitions_def", dg.PreviewWarning)


@dataclass(frozen=True)
class RuleCheck:
    """A rule and the asset it is about."""

    asset: dg.AssetsDefinition
    """What it is about."""
    name: str
    """Name of the check, stated as what holds."""
    says: str
    """The rule in words."""
    rule: Callable[..., RuleResult]
    """Takes the tile, where the asset has tiles, and the step context."""
    is_blocking: bool = True
    """Whether a broken rule stops what is downstream."""
    needs_record: bool = True
    """Whether there is nothing to evaluate without a record in the data root."""
    additional_deps: tuple[dg.AssetsDefinition, ...] = ()
    """What a run that has them makes before it evaluates the rule."""

    @property
    def asset_name(self) -> str:
        """Asset key."""
        return self.asset.key.path[-1]

    @property
    def has_tiles(self) -> bool:
        """Whether the asset is partitioned by tile."""
        return self.asset.partitions_def is not None

    def evaluate(
        self, tile: str, settings: Settings, log: Callable[[str], None], *, deep: bool
    ) -> RuleResult:
        """The rule's result for what is on disk.

        So a run of checks alone goes through whatever of a tile somebody keeps: where
        there is nothing on disk, the rule passes with a warning.

        Args:
            tile: tile key, or ``release``.
            settings: of the run.
            log: told of progress.
            deep: whether bytes are read again that the run has just written.

        Raises:
            BenError: what is on disk cannot be read.
        """
        # heavy: not at load time
        from resources.data_root.store import Storage

        storage = Storage(settings.data_dir)
        if self.needs_record:
            if not storage.record_path(self.asset_name, tile).exists():
                return RuleResult.not_evaluated("not on disk: nothing to evaluate")
            storage.require(self.asset_name, tile)
        from ben_assets.steps.step_context import StepContext

        ctx = StepContext.from_settings(settings, log, is_deep=deep)
        return self.rule(*([TILES[tile]] if self.has_tiles else []), ctx)

    def as_asset_check(self) -> dg.AssetChecksDefinition:
        """The check that evaluates the rule beside its asset."""

        @dg.asset_check(
            asset=self.asset,
            partitions_def=tile_partitions if self.has_tiles else None,
            blocking=self.is_blocking,
            name=self.name,
            description=self.says,
            additional_deps=list(self.additional_deps),
        )
        def check(
            context: dg.AssetCheckExecutionContext,
            data_root: DataRootResource,
            reference_inputs: ReferenceInputsResource,
            tracked_artifacts: TrackedArtifactsResource,
            postgis: PostgisResource,
        ) -> dg.AssetCheckResult:
            settings = settings_from(
                data_root, reference_inputs, tracked_artifacts, postgis
            )
            tile = context.partition_key if self.has_tiles else RELEASE
            with as_dagster_failure():
                result = self.evaluate(
                    tile, settings, line_log(context.log), deep=False
                )
            return dg.AssetCheckResult(
                passed=result.passed,
                severity=severity_of(result),
                description=result.description,
                metadata=metadata_of(result),
            )

        return check


def rule(
    asset: dg.AssetsDefinition,
    *,
    is_blocking: bool = True,
    needs_record: bool = True,
    additional_deps: tuple[dg.AssetsDefinition, ...] = (),
) -> Callable[[Callable[..., RuleResult]], RuleCheck]:
    """Turn a rule into the check of that name; its docstring says what holds."""

    def decorate(function: Callable[..., RuleResult]) -> RuleCheck:
        says = " ".join((function.__doc__ or "").split())
        return RuleCheck(
            asset,
            function.__name__,
            says,
            function,
            is_blocking,
            needs_record,
            additional_deps,
        )

    return decorate


def severity_of(result: RuleResult) -> dg.AssetCheckSeverity:
    """WARN or ERROR, as Dagster shows it."""
    severity = dg.AssetCheckSeverity
    return severity.WARN if result.is_warning else severity.ERROR


def metadata_of(result: RuleResult) -> dict[str, Any]:
    """Expected, found and what differs, as Dagster metadata."""
    metadata: dict[str, Detail] = {"expected": result.expected, "found": result.found}
    if result.differing:
        metadata["differing"] = list(result.differing)
    return {name: _shown(one) for name, one in {**metadata, **result.details}.items()}


def _shown(detail: Any) -> Any:  # noqa: ANN401  lists and names of texts alike
    """With what others wrote escaped."""
    if isinstance(detail, list):
        return [_shown(one) for one in detail]
    if isinstance(detail, dict):
        return {escaped(name): _shown(one) for name, one in detail.items()}
    return escaped(detail) if isinstance(detail, str) else detail


def matches_tracked_hash(asset: dg.AssetsDefinition) -> RuleCheck:
    """The check that files equal those of ``tracked-artifacts/hashes/<asset>.csv``."""
    name = asset.key.path[-1]

    def of_tile(tile: Tile, ctx: "StepContext") -> RuleResult:
        from ben_assets.validation.expected_hashes import matches_tracked_hash

        return matches_tracked_hash(name, tile.key, ctx)

    def of_release(ctx: "StepContext") -> RuleResult:
        from ben_assets.validation.expected_hashes import matches_tracked_hash

        return matches_tracked_hash(name, RELEASE, ctx)

    says = (
        "Number, size and SHA-256 of the files equal the tracked ones; in job verify "
        "every file on disk is read. Without a tracked hash it passes with a warning."
    )
    rule = of_tile if asset.partitions_def else of_release
    return RuleCheck(asset, "matches_tracked_hash", says, rule)


def files_equal_published(asset: dg.AssetsDefinition) -> RuleCheck:
    """The check that a release's files have the digests that were published."""
    name = asset.key.path[-1]

    def of_release(ctx: "StepContext") -> RuleResult:
        from ben_assets.validation.release_rules import files_equal_published

        return files_equal_published(name, ctx)

    says = (
        "Files, and tars inside archives, have the published digests; evaluated where "
        "all 125 tiles and no others are in it."
    )
    return RuleCheck(asset, "files_equal_published", says, of_release)
