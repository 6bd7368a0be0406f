"""Writing tracked hashes: only ever by an explicit command, never by a run."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ben_assets.validation.expected_hashes import (
    COLUMNS,
    MEMBERS_FILE,
    read_tracked,
    row_of,
)
from resources.data_root.facts import ListFacts, ZipFacts
from resources.data_root.files import local_errors, write_atomically
from resources.data_root.flow import RELEASE_ASSETS, TILE_ASSETS
from resources.data_root.records import StoredRecord
from resources.data_root.store import Storage

_UNTRACKED: Final = ("tile_ids", "release_report")
"""Ids are pinned in ``tiles.csv``; the report tells of the machine it was made on."""
TRACKED_ASSETS: Final = tuple(
    name for name in (*TILE_ASSETS, *RELEASE_ASSETS) if name not in _UNTRACKED
)
"""Assets of which hashes are tracked."""
_MEMBER_COLUMNS: Final = ("tile", "name", "sha256")


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
    added = len(now.keys() - old.keys())
    changed = sum(old[tile] != now[tile] for tile in now.keys() & old.keys())
    return Change(path, added, changed, len(both) - added - changed)


def _track_members(folder: Path, records: list[StoredRecord]) -> Change:
    """The files inside each L1C zip: services pack the same files anew."""
    path = folder / "hashes" / MEMBERS_FILE
    old = _read_members(path)
    now = {
        record.tile: {
            name: member.sha256
            for name, member in record.facts_as(ZipFacts).members.items()
        }
        for record in records
    }
    both = old | now
    rows = [(tile, *row) for tile in both for row in both[tile].items()]
    _write(path, _MEMBER_COLUMNS, sorted(rows))
    added = len(now.keys() - old.keys())
    changed = sum(old[tile] != now[tile] for tile in now.keys() & old.keys())
    return Change(path, added, changed, len(both) - added - changed)


def _read_members(path: Path) -> dict[str, dict[str, str]]:
    """Tile key to name and digest of the files tracked; empty without a file."""
    found: dict[str, dict[str, str]] = {}
    if path.is_file():
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                found.setdefault(row["tile"], {})[row["name"]] = row["sha256"]
    return found


def _write(path: Path, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> Path:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    with local_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.getvalue().encode())
    return path
