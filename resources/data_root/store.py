"""The data root: where every artifact lies, and how it gets there whole.

Belongs here: folder layout, records, drafts, locks. Not here: what a file contains.

``$BEN_DATA_DIR/<asset>/`` holds one record ``<tile>.json`` per finished tile, written
last: readers go by it. A tile is made in a draft folder beside its target and moved in
by renames, under a lock; a journal lets the next run clear what a killed one left.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.checksums import (
    file_digest,
    format_hash_list,
    parse_hash_list,
)
from ben_assets.bigearthnet.errors import (
    BenError,
    InvalidInput,
    LockLost,
    MissingInput,
)
from resources.data_root.configured_locks import locks_of
from resources.data_root.file_locks import FileLocks
from resources.data_root.files import (
    files_below,
    flush_file_system,
    flush_folder,
    local_errors,
    write_atomically,
)
from resources.data_root.locks import Lock, Locks
from resources.data_root.records import (
    RELEASE,
    FileDigest,
    Record,
    StoredRecord,
    format_record,
    parse_record,
)
from resources.settings import Settings

__all__ = [
    "RELEASE",
    "DigestCache",
    "Draft",
    "Record",
    "Storage",
    "StoredRecord",
    "local_errors",
    "write_atomically",
]


class Storage:
    """Reads and replaces the tiles of assets below one data root."""

    def __init__(self, root: Path, locks: Locks | None = None) -> None:
        """Use ``root`` (``BEN_DATA_DIR``); it is made on the first write."""
        self.root = root
        self._locks = locks or FileLocks(root / ".locks")

    @classmethod
    def from_settings(cls, settings: Settings) -> Storage:
        """The data root and the locks that the settings name."""
        return cls(settings.data_dir, locks_of(settings))

    def folder(self, asset: str) -> Path:
        """The folder of an asset."""
        return self.root / asset

    def table_path(self, asset: str, tile: str) -> Path:
        """The parquet table of a tile."""
        return self.folder(asset) / f"{tile}.parquet"

    def record_path(self, asset: str, tile: str) -> Path:
        """The record of a tile."""
        return self.folder(asset) / f"{tile}.json"

    def hash_list_path(self, asset: str, tile: str) -> Path:
        """The hash list of a tile of an asset that makes many files."""
        return self.folder(asset) / f"{tile}.hashes.csv"

    def tiles(self, asset: str) -> list[str]:
        """Tile keys that have a record, sorted."""
        records = self.folder(asset).glob("*.json")
        return sorted(path.stem for path in records if not path.name.startswith("."))

    def own_entries(self, asset: str, tile: str) -> list[str]:
        """Names in the asset's folder that can only be of this tile, but its record.

        Those that begin with the tile key; of an asset without partitions, all.
        """
        prefix = "" if tile == RELEASE else tile
        record = self.record_path(asset, tile).name
        return [
            path.name
            for path in self.folder(asset).glob(f"{prefix}*")
            if path.name != record and not path.name.startswith(".")
        ]

    def find(self, asset: str, tile: str) -> StoredRecord | None:
        """The record of a tile, or None where the tile is not complete.

        Raises:
            InvalidInput: the record is not readable JSON with the fixed fields.
        """
        path = self.record_path(asset, tile)
        try:
            record = parse_record(path.read_text())
            if (record.asset, record.tile) != (asset, tile):
                raise ValueError(f"it is of {record.asset} {record.tile}")
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise InvalidInput(
                f"record {path} is damaged ({error!r}); delete it and materialize "
                f"{asset} of {tile} again"
            ) from error
        return record

    def require(self, asset: str, tile: str) -> StoredRecord:
        """The record of a tile that another step needs.

        Raises:
            MissingInput: the tile has no record; says what to materialize.
        """
        record = self.find(asset, tile)
        if record is None:
            raise MissingInput(
                f"{asset} of {tile} is not on disk: expected the record "
                f"{self.record_path(asset, tile)}; materialize {asset} for this tile"
            )
        return record

    def digests(self, asset: str, tile: str) -> dict[str, str]:
        """Name to SHA-256 of the expected files of a tile.

        Raises:
            MissingInput: there is no hash list.
        """
        path = self.hash_list_path(asset, tile)
        try:
            return parse_hash_list(path.read_text(), str(path))
        except FileNotFoundError as error:
            raise MissingInput(
                f"hash list {path} is missing; materialize {asset} of {tile} again"
            ) from error

    @contextlib.contextmanager
    def lock(
        self, asset: str, tile: str, on_wait: Callable[[str], None] = print
    ) -> Iterator[Lock]:
        """Hold the right to write one tile; a second process waits and says for whom.

        Whoever dies, on whichever host, loses it: see
        ``resources.data_root.file_locks``.
        """
        with contextlib.ExitStack() as stack:
            with local_errors(self.root):
                lock = self._locks.hold(
                    f"{asset}/{tile}",
                    lambda who: on_wait(
                        f"{asset} of {tile} is being made by {who}; waiting"
                    ),
                )
                held = stack.enter_context(lock)
            yield held

    @contextlib.contextmanager
    def reading(
        self, assets: Iterable[str], tile: str, on_wait: Callable[[str], None] = print
    ) -> Iterator[None]:
        """Keep other processes from replacing a tile of these assets meanwhile.

        Args:
            assets: in flow order, which is the order in which all take their locks: so
                nobody waits for one who waits for him.
            tile: tile key.
            on_wait: told who is waited for.
        """
        with contextlib.ExitStack() as stack:
            for asset in assets:
                stack.enter_context(self.lock(asset, tile, on_wait))
            yield

    @contextlib.contextmanager
    def draft(
        self, asset: str, tile: str, on_wait: Callable[[str], None] = print
    ) -> Iterator[Draft]:
        """A folder to make a tile in; ``Draft.publish`` puts it in place.

        Leaving the block without publishing leaves no trace, whatever the reason.

        Raises:
            LocalResourceError: disk full, folder read-only and the like.
            LockLost: another process took the tile over meanwhile.
        """
        with (
            self.lock(asset, tile, on_wait) as lock,
            local_errors(self.folder(asset)),
        ):
            self._recover(asset, tile)
            path = self._drafts(asset) / f"{tile}-{uuid.uuid4().hex[:8]}"
            _make_folder(path)
            try:
                yield Draft(self, asset, tile, path, lock)
            except Exception as error:
                if path.exists():
                    raise
                raise LockLost(
                    f"{asset} of {tile} was taken over by another process, as this one "
                    "was silent for too long; materialize it again"
                ) from error
            finally:
                shutil.rmtree(path, ignore_errors=True)
                with contextlib.suppress(OSError):  # others are at work in it
                    path.parent.rmdir()

    def remove(self, asset: str, tile: str) -> None:
        """Take a tile away, record first."""
        with self.draft(asset, tile) as draft:
            record = self.find(asset, tile)
            if record is not None:
                draft._clear(record.outputs)

    def _drafts(self, asset: str) -> Path:
        return self.folder(asset) / ".drafts"

    def _recover(self, asset: str, tile: str) -> None:
        """Clear what a killed run left of this tile, and stop one that was overtaken.

        A draft that is not at its place any more cannot be published: so first all
        drafts are renamed, then what they moved into place is taken away.
        """
        left = list(self._drafts(asset).glob(f"{tile}-*"))
        for path in left:
            if path.suffix != _JOURNAL:
                with contextlib.suppress(FileNotFoundError):
                    gone = path.rename(path.with_suffix(f".{uuid.uuid4().hex[:8]}"))
                    shutil.rmtree(gone, ignore_errors=True)
        for journal in self._drafts(asset).glob(f"{tile}-*{_JOURNAL}"):
            if not self.record_path(asset, tile).exists():
                outputs = set(json.loads(journal.read_text()))
                for output in outputs - self._of_others(asset, tile):
                    self._discard(asset, self.folder(asset) / output)
            journal.unlink(missing_ok=True)

    def _of_others(self, asset: str, tile: str) -> set[str]:
        """Outputs in records of other tiles: two may share a Sentinel-1 directory."""
        found: set[str] = set()
        for other in self.tiles(asset):
            if other != tile:
                with contextlib.suppress(InvalidInput):  # damaged: reported elsewhere
                    record = self.find(asset, other)
                    found |= set(record.outputs if record else ())
        return found

    def unfinished(self, asset: str) -> dict[str, list[str]]:
        """Tiles without a record that a run is putting in place, or was killed at.

        Returns:
            Tile key to the outputs, old and new, that may be in place or not.
        """
        found: dict[str, list[str]] = {}
        for journal in self._drafts(asset).glob(f"*{_JOURNAL}"):
            tile = journal.stem.rpartition("-")[0]
            if not self.record_path(asset, tile).exists():
                with contextlib.suppress(FileNotFoundError, ValueError):
                    outputs = found.setdefault(tile, [])
                    outputs += json.loads(journal.read_text())
        return found

    def _discard(self, asset: str, path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            for parent in path.parents:
                if parent == self.folder(asset):
                    break
                parent.rmdir()


_JOURNAL: Final = ".journal"
_RECORD: Final = ".record"
_TRASH: Final = ".old"


@dataclass(frozen=True)
class Draft:
    """A tile in the making."""

    storage: Storage
    """Where it will go."""
    asset: str
    """Asset key."""
    tile: str
    """Tile key."""
    path: Path
    """Folder to write into; its entries become entries of the asset's folder."""
    lock: Lock
    """The right to write this tile."""

    def publish(self, record: Record, *, keep_hash_list: bool = True) -> StoredRecord:
        """Replace what the asset has of this tile by the content of the draft.

        At any moment the disk shows the old tile, none, or the new one: the old record
        goes first, the new one comes last, and all data are on disk before it.

        Raises:
            LockLost: another process took the tile over; nothing of it was changed.
                So says ``Storage.draft`` of any error whose cause this is.
        """
        if keep_hash_list:
            name = self.storage.hash_list_path(self.asset, self.tile).name
            (self.path / name).write_text(format_hash_list(record.digests))
            record = _with_output(record, name)
        contents = _contents(self.path, record)
        (self.path / _RECORD).write_text(format_record(record, contents))
        flush_file_system(self.path)
        self._clear(self._old_outputs(), record.outputs)
        return self.storage.require(self.asset, self.tile)

    def _old_outputs(self) -> tuple[str, ...]:
        """What the asset has of this tile, whether its record says so or not."""
        try:
            old = self.storage.find(self.asset, self.tile)
        except BenError:  # damaged: its files are replaced by those of the new one
            old = None
        recorded = old.outputs if old else ()
        return (*recorded, *self.storage.own_entries(self.asset, self.tile))

    def _clear(self, old: tuple[str, ...], new: tuple[str, ...] | None = None) -> None:
        """Take the old tile away and put the new one, if any, in its place."""
        self.lock.require()
        gone = set(old) - set(new or ())
        theirs = self.storage._of_others(self.asset, self.tile) if gone else set()
        self._replace(tuple(path for path in old if path not in gone & theirs), new)

    def _replace(self, old: tuple[str, ...], new: tuple[str, ...] | None) -> None:
        """Renames alone, out of the draft or into it.

        So none of them does anything once ``Storage._recover`` moved the draft away.
        """
        folder, trash = self.storage.folder(self.asset), self.path / _TRASH
        record = self.storage.record_path(self.asset, self.tile)
        trash.mkdir()
        both = sorted({*old, *(new or ())})
        write_atomically(self.path / _JOURNAL, json.dumps(both).encode())
        journal = (self.path / _JOURNAL).rename(self.path.with_suffix(_JOURNAL))
        flush_folder(journal.parent)
        for number, path in enumerate([record, *(folder / name for name in both)]):
            if path.exists():
                path.rename(trash / str(number))
        for output in set(old) - set(new or ()):
            self.storage._discard(self.asset, folder / output)
        for output in new or ():
            _rename_into(self.path / output, folder / output)
        if new is not None:
            (self.path / _RECORD).rename(record)
        flush_folder(folder)
        journal.unlink()


def _with_output(record: Record, name: str) -> Record:
    values = {**vars(record), "outputs": (*record.outputs, name)}
    return Record(**values)


def _contents(folder: Path, record: Record) -> dict[str, FileDigest]:
    """Proofs of all files of a draft but the hash list and the GeoTIFFs in it."""
    hash_list = f"{record.tile}.hashes.csv"
    found = {}
    for path in files_below(folder, record.outputs):
        name = path.rpartition("/")[2]  # of 20,000 files: pathlib would take its time
        is_listed = name.endswith(".tif") and name[:-4] in record.digests
        if not is_listed and path != hash_list:
            found[path] = record.contents.get(path) or FileDigest.of(folder / path)
    return found


def _make_folder(path: Path) -> None:
    """Make it and its parent, which another tile may just be removing as empty."""
    for _ in range(100):
        with contextlib.suppress(FileNotFoundError):
            path.mkdir(parents=True)
            return
    path.mkdir(parents=True)


def _rename_into(source: Path, target: Path) -> None:
    """Rename, making the parent; another tile may just be removing it as empty."""
    for _ in range(100):
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            source.rename(target)
            return
        time.sleep(0.01)
    source.rename(target)


class DigestCache:
    """SHA-256 of large inputs, computed once as long as they stay as they are."""

    def __init__(self, storage: Storage) -> None:
        """Keep the digests below the data root."""
        self._folder = storage.root / ".digests"

    def digest(self, path: Path) -> str:
        """SHA-256 of a file; kept by its place, size, time and inode."""
        status = path.stat()
        stamp = [str(path.resolve()), status.st_size, status.st_mtime_ns, status.st_ino]
        kept = self._folder / f"{path.name}.json"
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            content = json.loads(kept.read_text())
            if content["stamp"] == stamp:
                return str(content["sha256"])
        digest = file_digest(path)
        with local_errors(kept):
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(
                kept, json.dumps({"stamp": stamp, "sha256": digest}).encode()
            )
        return digest
