"""A tile's L1C zip beside what is tracked for it, and what a difference means.

Belongs here: the evaluation. Not here: the checks of the zip itself, which its record
holds.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.safe.manifest import is_dispensable
from ben_assets.steps.step_context import StepContext
from ben_assets.validation.expected_hashes import compare, read_tracked_members
from ben_assets.validation.result import RuleResult
from resources.data_root.facts import ProductStatus, State, ZipFacts
from resources.data_root.store import StoredRecord

_PREVIEW: Final = 40


def id_is_tracked(tile: Tile, ctx: StepContext) -> RuleResult:
    """Hold the id that the catalogue gave against the tracked one."""
    found = ctx.storage.require("tile_ids", tile.key).facts_as(ProductStatus).id
    if tile.cdse_id is None:
        return RuleResult(True, "none", found, (), True, "no tracked id")
    is_same = tile.cdse_id == found
    sentence = None if is_same else "the archive gave the product a new id"
    return RuleResult(is_same, tile.cdse_id, found, (), not is_same, sentence)


def zip_is_tracked(tile: Tile, ctx: StepContext) -> RuleResult:
    """Hold the zip against the tracked one, or its images against their checksums.

    It passes as the tracked bytes, or with a warning where nothing is tracked and all
    images are verified; another zip whose images all are is a warning only.
    """
    record = ctx.storage.require("l1c_zips", tile.key)
    facts, tracked = record.facts_as(ZipFacts), ctx.settings.tracked_artifacts
    row = compare(record, tracked)
    expected, has_row = tile.l1c_sha256 or "none", not row.is_warning
    result = RuleResult(
        True,
        expected,
        facts.zip_sha256,
        sentence="the tracked zip",
        details={"unknown to the manifest": list(facts.unknown_members)},
    )
    if expected == facts.zip_sha256 or (has_row and row.passed):
        return result
    differing = _differing(record, tracked)
    if differing:
        said = f"{len(differing)} files differ from the tracked ones or lack proof"
        return replace(result, passed=False, differing=differing, sentence=said)
    proof = _proof(record, tracked)
    if expected == "none" and not has_row:
        return replace(result, is_warning=True, sentence=f"no tracked hash; {proof}")
    said = f"another zip than tracked, but {proof}"
    if facts.packed_here:
        said = (
            f"packed here from the files that {facts.source} has, so it "
            f"cannot have the digest of the tracked zip; {proof}"
        )
    return replace(result, passed=False, is_warning=True, sentence=said)


def catalogue_is_current(tile: Tile, ctx: StepContext) -> RuleResult:
    """Hold length and checksums of the catalogue against the zip that it delivered."""
    facts = ctx.storage.require("l1c_zips", tile.key).facts_as(ZipFacts)
    checks = {n: f"{check.state} {check.detail}" for n, check in facts.checks.items()}
    stale = [n for n, c in facts.checks.items() if c.state is State.CHANGED_UPSTREAM]
    found = f"changed upstream: {', '.join(stale)}" if stale else "all of it holds"
    return RuleResult(
        not stale,
        "what the catalogue says holds",
        found,
        is_warning=bool(stale),
        details={
            "checks": checks,
            "unknown to the manifest": list(facts.unknown_members[:_PREVIEW]),
            "changed members": facts.changed_members,
        },
    )


def _proof(record: StoredRecord, tracked: Path) -> str:
    """What vouches for the content of a zip without a tracked hash."""
    proof = "every image is verified by its manifest"
    held = read_tracked_members(tracked).get(record.tile)
    if held:
        proof += f", and {len(held)} files equal the tracked ones"
    return proof


def _differing(record: StoredRecord, tracked: Path) -> tuple[str, ...]:
    """Images that no checksum verifies, and files unlike the tracked ones."""
    facts = record.facts_as(ZipFacts)
    service = {
        check.state
        for name, check in facts.checks.items()
        if name not in ("length", "zip", "manifest", "bucket")
    }
    is_served = State.VERIFIED in service and State.CHANGED_UPSTREAM not in service
    unproven = set() if is_served else set(facts.unproven_images)
    held = read_tracked_members(tracked).get(record.tile, {})
    for name, digest in held.items():
        member = facts.members.get(name)
        is_equal = member is not None and member.sha256 == digest
        if not is_equal and not is_dispensable(name):
            unproven.add(name)
    return tuple(sorted(unproven))
