"""Are the bytes those that are tracked for a tile, or published?"""

from typing import TYPE_CHECKING

import dagster as dg

from ben_assets.assets.rule_checks import RuleCheck
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.validation.result import RuleResult
from resources.data_root.flow import RELEASE

if TYPE_CHECKING:
    from ben_assets.steps.step_context import StepContext


def matches_tracked_hash(asset: dg.AssetsDefinition) -> RuleCheck:
    """The check that files equal those of ``tracked-artifacts/hashes/<asset>.csv``."""
    name = asset.key.path[-1]

    def of_tile(tile: Tile, ctx: "StepContext") -> RuleResult:
        from ben_assets.validation.hash_rules import matches_tracked_hash

        return matches_tracked_hash(name, tile.key, ctx)

    def of_release(ctx: "StepContext") -> RuleResult:
        from ben_assets.validation.hash_rules import matches_tracked_hash

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
