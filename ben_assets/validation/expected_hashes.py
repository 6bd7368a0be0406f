"""Tracked hashes: what each tile of each asset was expected to be.

``hashes/<asset>.csv`` has the columns tile, files, bytes, sha256, one row per tile.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.steps.step_context import StepContext
from ben_assets.validation.result import SHOWN, RuleResult
from resources.data_root.store import StoredRecord
from resources.data_root.tile_files import verify_tile
from resources.sen2cor.installation import foreign_processor

COLUMNS: Final = ("tile", "files", "bytes", "sha256")
MEMBERS_FILE: Final = "l1c_zips.members.csv"
"""In ``hashes``: tile, name, sha256 of every file inside each L1C zip."""


@dataclass(frozen=True)
class Comparison:
    """A tile's record beside what is tracked for it."""

    expected: dict[str, str] | None
    """Tracked files, bytes and sha256, or None where nothing is tracked."""
    found: dict[str, str]
    """The same of the record."""
    objection: str | None = None
    """Why equal numbers would not be enough, such as another version of sen2cor."""

    @property
    def passed(self) -> bool:
        """Whether nothing differs; also where nothing is tracked."""
        if self.expected is None:
            return True
        return self.expected == self.found and self.objection is None

    @property
    def outcome(self) -> str:
        """One sentence for people."""
        if self.expected is None:
            return "no tracked hash: nothing to compare with"
        if self.passed:
            return "equals the tracked hash"
        differing = [k for k, v in self.found.items() if self.expected[k] != v]
        reasons = [self.objection] if self.objection else []
        if differing:
            reasons.append(f"differs from the tracked hash in {', '.join(differing)}")
        return "; ".join(reasons)


def read_tracked(folder: Path, asset: str) -> dict[str, dict[str, str]]:
    """Tile key to its tracked row; empty where the asset has no file.

    Raises:
        InvalidInput: the file has other columns.
    """
    path = folder / "hashes" / f"{asset}.csv"
    try:
        with path.open(newline="") as file:
            rows = csv.DictReader(file)
            if not set(COLUMNS) <= set(rows.fieldnames or ()):
                raise InvalidInput(
                    f"{path}: expected the columns {', '.join(COLUMNS)}, found "
                    f"{rows.fieldnames}"
                )
            return {row["tile"]: {c: row[c] for c in COLUMNS[1:]} for row in rows}
    except FileNotFoundError:
        return {}


def row_of(record: StoredRecord) -> dict[str, str]:
    """What is tracked of a record."""
    return {
        "files": str(record.files),
        "bytes": str(record.bytes),
        "sha256": record.sha256,
    }


def compare(record: StoredRecord, folder: Path) -> Comparison:
    """A record beside its tracked hash in the folder ``BEN_TRACKED_ARTIFACTS``."""
    expected = read_tracked(folder, record.asset).get(record.tile)
    return Comparison(expected, row_of(record), _objection(record))


def _objection(record: StoredRecord) -> str | None:
    """Another version of sen2cor changes bytes; an imported product states none."""
    processor, version = (record.facts.get(k) for k in ("processor", "version"))
    if processor != "sen2cor" or version == "unknown":
        return None
    return foreign_processor(processor, str(version))


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
        sentence = f"{len(wrong)} files differ: {shown[0]}; {again}"
        return RuleResult(
            False, "the files of the record", sentence, tuple(shown), sentence=sentence
        )
    result = compare(ctx.storage.require(asset, tile), ctx.settings.tracked_artifacts)
    rows = result.expected or {}
    return RuleResult(
        result.passed,
        ", ".join(f"{k} {v}" for k, v in rows.items()) or "none tracked",
        ", ".join(f"{k} {v}" for k, v in result.found.items()),
        is_warning=result.expected is None,
        sentence=result.outcome,
        details={"what to do": "docs/checks.md, matches_tracked_hash"},
    )
