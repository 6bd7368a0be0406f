"""Tracked hashes: what each tile of each asset was expected to be.

``hashes/<asset>.csv`` has the columns tile, files, bytes, sha256, one row per tile. Of
an asset that is made of all tiles the one row has the tile ``release``. They are only
ever written by an explicit command, never by a run.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ben_assets.bigearthnet.checksums import hash_list_digest
from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.bigearthnet.numerals import counted
from ben_assets.bigearthnet.plain_files import read_plain
from ben_assets.validation.result import SHOWN, RuleResult
from resources.data_root.facts import L2aFacts, ListFacts, ZipFacts
from resources.data_root.files import local_errors, write_atomically
from resources.data_root.flow import RELEASE_ASSETS, TILE_ASSETS
from resources.data_root.records import StoredRecord, make_again
from resources.data_root.store import Storage
from resources.data_root.tile_files import verify_tile
from resources.sen2cor.installation import processor_mismatch
from resources.sen2cor.processors import SEN2COR

if TYPE_CHECKING:
    from ben_assets.steps.step_context import StepContext


COLUMNS: Final = ("tile", "files", "bytes", "sha256")
MEMBERS_FILE: Final = "l1c_zips.members.csv"
"""In ``hashes``: the files inside each L1C zip."""
_MEMBER_COLUMNS: Final = ("tile", "name", "sha256")

BY_FILES: Final = ("archives", *RELEASE_ASSETS)
"""Assets whose files are compared as they lie on disk.

The hash lists of archives are of the tars inside, as published; compressed files, sums
and tables are in the record's ``contents`` alone. Another zstd level or row group size
shows only there.
"""


def read_tracked(folder: Path, asset: str) -> dict[str, dict[str, str]]:
    """Tile key to its tracked row; empty where the asset has no file.

    Raises:
        InvalidInput: the file has other columns.
    """
    rows = _read(folder / "hashes" / f"{asset}.csv", COLUMNS)
    return {row["tile"]: {c: row[c] for c in COLUMNS[1:]} for row in rows}


def read_tracked_members(folder: Path) -> dict[str, dict[str, str]]:
    """Tile key to the files of its L1C zip: path below the .SAFE folder to SHA-256.

    Raises:
        InvalidInput: the file has other columns.
    """
    found: dict[str, dict[str, str]] = {}
    for row in _read(folder / "hashes" / MEMBERS_FILE, _MEMBER_COLUMNS):
        found.setdefault(row["tile"], {})[row["name"]] = row["sha256"]
    return found


def _read(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """The rows of a file; none where it is missing."""
    try:
        rows = csv.DictReader(io.StringIO(read_plain(path).decode(), newline=""))
    except FileNotFoundError:
        return []
    if not set(columns) <= set(rows.fieldnames or ()):
        raise InvalidInput(
            f"{path}: expected the columns {', '.join(columns)}, found "
            f"{rows.fieldnames}"
        )
    return list(rows)


def row_of(record: StoredRecord) -> dict[str, str]:
    """What is tracked of a record: its hash list, or see ``BY_FILES``."""
    if record.asset in BY_FILES:
        return {
            "files": str(len(record.contents)),
            "bytes": str(sum(file.bytes for file in record.contents.values())),
            "sha256": hash_list_digest(
                {path: file.sha256 for path, file in record.contents.items()}
            ),
        }
    return {
        "files": str(record.files),
        "bytes": str(record.bytes),
        "sha256": record.sha256,
    }


def compare(record: StoredRecord, folder: Path) -> RuleResult:
    """A record beside its tracked hash in the folder ``BEN_TRACKED_ARTIFACTS``."""
    return compare_with(record, read_tracked(folder, record.asset).get(record.tile))


def compare_with(record: StoredRecord, expected: dict[str, str] | None) -> RuleResult:
    """A record beside its row of ``read_tracked``.

    Without a row there is nothing to compare with, which is a warning.
    """
    found = row_of(record)
    if expected is None:
        said = "no tracked hash: nothing to compare with"
        return RuleResult(
            True, "none tracked", _as_text(found), is_warning=True, sentence=said
        )
    objection = _objection(record)
    reasons = [objection] if objection else []
    differing = [name for name in found if expected[name] != found[name]]
    if differing:
        reasons.append(f"differs from the tracked hash in {', '.join(differing)}")
    said = "; ".join(reasons) or "equals the tracked hash"
    return RuleResult(not reasons, _as_text(expected), _as_text(found), sentence=said)


def _as_text(row: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in row.items())


def _objection(record: StoredRecord) -> str | None:
    """Another version of sen2cor changes bytes; an imported product states none."""
    facts = record.facts
    if not isinstance(facts, L2aFacts) or facts.processor != SEN2COR:
        return None
    if facts.version == "unknown":
        return None
    return processor_mismatch(facts.processor, facts.version)


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
        again = make_again(asset, tile)
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


_UNTRACKED: Final = ("tile_ids", "release_report")
"""Ids are pinned in ``tiles.csv``; the report tells of the machine it was made on."""
TRACKED_ASSETS: Final = tuple(
    name for name in (*TILE_ASSETS, *RELEASE_ASSETS) if name not in _UNTRACKED
)
"""Assets of which hashes are tracked."""


@dataclass(frozen=True)
class Change:
    """What was written to one file of tracked hashes."""

    path: Path
    """The file."""
    added: int
    """Tiles, or the release, that had no row before."""
    changed: int
    """Tiles whose row is another one now."""
    kept: int
    """All other tiles in the file."""


def track_tiles(
    storage: Storage, folder: Path, tiles: Collection[str] = ()
) -> list[Change]:
    """Write what the records say into ``hashes/<asset>.csv``, sorted by tile.

    Args:
        storage: the data root.
        folder: ``BEN_TRACKED_ARTIFACTS``.
        tiles: tile keys, and ``release``; empty: all on disk.

    Raises:
        InvalidInput: a record is damaged; nothing is expected on its word.
    """
    changes = []
    for asset in TRACKED_ASSETS:
        records = [
            storage.require(asset, tile)
            for tile in storage.tiles(asset)
            if not tiles or tile in tiles
        ]
        if records and asset == "l1c_zips":
            changes.append(_track_members(folder, records))
        # a zip that was packed here is of nobody else: only its files are tracked
        records = [one for one in records if not _is_of_this_machine(one)]
        if records:
            changes.append(_track_asset(folder, asset, records))
    return changes


def _is_of_this_machine(record: StoredRecord) -> bool:
    """Whether a zip was packed here, or a table leaves such zips out."""
    facts = record.facts
    if isinstance(facts, ListFacts):
        return facts.left_out > 0
    return isinstance(facts, ZipFacts) and facts.packed_here


def _track_asset(folder: Path, asset: str, records: list[StoredRecord]) -> Change:
    old = read_tracked(folder, asset)
    now = {record.tile: row_of(record) for record in records}
    both = old | now
    rows = [(tile, *both[tile].values()) for tile in sorted(both)]
    path = _write(folder / "hashes" / f"{asset}.csv", COLUMNS, rows)
    return _change(path, old, now)


def _track_members(folder: Path, records: list[StoredRecord]) -> Change:
    """The files inside each L1C zip: services pack the same files anew."""
    old = read_tracked_members(folder)
    now = {
        record.tile: {
            name: member.sha256
            for name, member in record.facts_as(ZipFacts).members.items()
        }
        for record in records
    }
    both = old | now
    rows = [(tile, *row) for tile in both for row in both[tile].items()]
    path = _write(folder / "hashes" / MEMBERS_FILE, _MEMBER_COLUMNS, sorted(rows))
    return _change(path, old, now)


def _change(
    path: Path, old: dict[str, dict[str, str]], now: dict[str, dict[str, str]]
) -> Change:
    changed = sum(old[tile] != now[tile] for tile in now.keys() & old.keys())
    return Change(path, len(now.keys() - old.keys()), changed, len(old) - changed)


def _write(path: Path, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> Path:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    with local_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.getvalue().encode())
    return path
