"""The rule that files are those that are tracked."""

from __future__ import annotations

from dataclasses import replace

from ben_assets.bigearthnet.numerals import counted
from ben_assets.steps.step_context import StepContext
from ben_assets.validation.expected_hashes import compare
from ben_assets.validation.result import SHOWN, RuleResult
from resources.data_root.tile_files import verify_tile


def matches_tracked_hash(asset: str, tile: str, ctx: StepContext) -> RuleResult:
    """Hold a record against its tracked row and, in job verify, its files too.

    Args:
        asset: asset key.
        tile: tile key, or ``release``.
        ctx: with ``is_deep`` the bytes on disk are read, not only the record.
    """
    wrong = (
        list(verify_tile(ctx.storage, asset, tile, deep=True)) if ctx.is_deep else []
    )
    if wrong:
        shown = [f"{d.file}: {d.kind}: {d.detail}" for d in wrong[:SHOWN]]
        again = f"materialize {asset} of {tile} again"
        verb = "differs" if len(wrong) == 1 else "differ"
        sentence = f"{counted(len(wrong), 'file')} {verb}: {shown[0]}; {again}"
        return RuleResult(
            False,
            "the files of the record",
            sentence,
            tuple(shown),
            details={"what to do": again},
        )
    result = compare(ctx.storage.require(asset, tile), ctx.settings.tracked_artifacts)
    where = {"what to do": "docs/checks.md, matches_tracked_hash"}
    return replace(result, details=where)
