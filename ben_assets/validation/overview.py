"""For each tile and asset: done, absent, stale or wrong, by what the records say.

Nothing but records is read, so that 125 tiles take a moment; whether every byte is in
place is for ``ben verify``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ben_assets.bigearthnet.errors import BenError
from ben_assets.validation.expected_hashes import read_tracked, row_of
from ben_assets.validation.survey import JUDGED_BY_CONTENT
from resources.data_root.flow import RELEASE, RELEASE_ASSETS, TILE_ASSETS
from resources.data_root.records import StoredRecord
from resources.data_root.staleness import stale_inputs
from resources.data_root.stored_tiles import Snapshot
from resources.data_root.tile_files import verify_tile


class State(StrEnum):
    """What the records say of one artifact."""

    DONE = "done"
    ABSENT = "absent"
    STALE = "stale"
    WRONG = "wrong"


@dataclass(frozen=True)
class Artifact:
    """One asset of one tile."""

    state: State
    """Done, absent, stale or wrong."""
    bytes: int = 0
    """Size of its expected files."""
    why: str = ""
    """What is stale or wrong."""


@dataclass(frozen=True)
class TileOverview:
    """One tile, or the release."""

    tile: str
    """Tile key, or ``release``."""
    artifacts: dict[str, Artifact]
    """Asset key to its state, in flow order."""

    @property
    def bytes(self) -> int:
        """Size of all its artifacts; hard-linked files count in each."""
        return sum(artifact.bytes for artifact in self.artifacts.values())

    @property
    def is_absent(self) -> bool:
        """Whether nothing of it is on disk."""
        return all(a.state is State.ABSENT for a in self.artifacts.values())


def overview(
    snapshot: Snapshot, tracked: Path, tiles: Iterable[str]
) -> list[TileOverview]:
    """The state of tiles and, last, of the release.

    Args:
        snapshot: the data root.
        tracked: folder with tracked hashes.
        tiles: tile keys; those on disk that are not among them follow.
    """
    expected = {asset: read_tracked(tracked, asset) for asset in TILE_ASSETS}
    on_disk = {asset: set(snapshot.tiles(asset)) for asset in TILE_ASSETS}
    known = list(tiles)
    unknown = sorted(set().union(*on_disk.values()) - set(known))
    rows = [
        TileOverview(
            tile,
            {
                asset: _artifact(snapshot, asset, tile, expected[asset].get(tile))
                if tile in on_disk[asset]
                else Artifact(State.ABSENT)
                for asset in TILE_ASSETS
            },
        )
        for tile in (*known, *unknown)
    ]
    release = {
        asset: _artifact(
            snapshot, asset, RELEASE, read_tracked(tracked, asset).get(RELEASE)
        )
        for asset in RELEASE_ASSETS
    }
    return [*rows, TileOverview(RELEASE, release)]


def with_files_checked(
    snapshot: Snapshot, rows: list[TileOverview]
) -> list[TileOverview]:
    """The same rows, after names and sizes of all files were looked at."""
    return [
        TileOverview(
            row.tile,
            {
                asset: _checked(snapshot, asset, row.tile, artifact)
                for asset, artifact in row.artifacts.items()
            },
        )
        for row in rows
    ]


def _checked(snapshot: Snapshot, asset: str, tile: str, artifact: Artifact) -> Artifact:
    if artifact.state in (State.ABSENT, State.WRONG):
        return artifact
    found = verify_tile(snapshot, asset, tile, deep=False)
    damaged = [one for one in found if one.rebuilt_by]
    if not damaged:
        return artifact
    first = f"{damaged[0].file}: {damaged[0].kind}: {damaged[0].detail}"
    return Artifact(State.WRONG, artifact.bytes, f"{first} ({len(damaged)} files)")


def _artifact(
    snapshot: Snapshot, asset: str, tile: str, expected: dict[str, str] | None
) -> Artifact:
    try:
        record = snapshot.find(asset, tile)
    except BenError as error:
        return Artifact(State.WRONG, why=str(error))
    if record is None:
        return Artifact(State.ABSENT)
    missing = _missing_output(snapshot, record)
    if missing:
        return Artifact(State.WRONG, record.bytes, f"{missing} is missing")
    is_evaluated = expected is not None and asset not in JUDGED_BY_CONTENT
    if is_evaluated and expected != row_of(record):
        return Artifact(State.WRONG, record.bytes, "differs from the tracked hash")
    changes = stale_inputs(snapshot, record)
    if changes:
        return Artifact(State.STALE, record.bytes, f"made from another {changes[0]}")
    return Artifact(State.DONE, record.bytes)


def _missing_output(snapshot: Snapshot, record: StoredRecord) -> str | None:
    """The first output that is not there; Sentinel-1 folders are too many to look."""
    folder = snapshot.folder(record.asset)
    for output in record.outputs:
        if output.count("/") < 2 and not (folder / output).exists():
            return output
    return None
