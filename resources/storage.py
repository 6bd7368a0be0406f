"""The data root: where every artifact lies, and how it gets there whole.

Belongs here: folder layout, records, drafts, locks. Not here: what a file contains.

``$BEN_DATA_DIR/<asset>/`` holds one record ``<tile>.json`` per finished tile, written
last: readers go by it. A tile is made in a draft folder beside its target and moved in
by renames, under a lock; a journal lets the next run clear what a killed one left.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ben_assets.bigearthnet.checksums import (
    file_digest,
    format_hash_list,
    hash_list_digest,
    parse_hash_list,
    sha256_of_bytes,
)
from ben_assets.bigearthnet.errors import (
    InvalidInput,
    LocalResourceError,
    LockLost,
    MissingInput,
)
from resources.locks import FileLocks, Lock, Locks, locks_of
from resources.settings import Settings

RELEASE: Final = "release"
"""Stands in for the tile key in the record of an asset without partitions."""

_LOCAL_ERRORS: Final = {
    errno.ENOSPC: "the disk is full; free space and run again",
    errno.EDQUOT: "the quota is used up; free space and run again",
    errno.EROFS: "the file system is read-only; choose another BEN_DATA_DIR",
    errno.EACCES: "permission denied; make the folder writable for this user",
    errno.EPERM: "not permitted; make the folder writable for this user",
    errno.EMFILE: "too many open files; raise the limit (ulimit -n)",
    errno.EIO: "the disk reports an I/O error; check the disk",
}


@dataclass(frozen=True)
class Record:
    """The proof that one tile of one asset is complete on disk."""

    asset: str
    """Asset key."""
    tile: str
    """Tile key, or ``release`` for an asset without partitions."""
    digests: dict[str, str]
    """Name of each promised file, without extension, to its SHA-256."""
    bytes: int
    """Size of the promised files together."""
    outputs: tuple[str, ...]
    """Files and folders below the asset's folder that belong to this tile."""
    made_from: dict[str, str] = field(default_factory=dict)
    """Digest of each input, by asset key or file name."""
    made_with: dict[str, str] = field(default_factory=dict)
    """Versions that decide bytes."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What else the asset says about the tile."""

    @property
    def files(self) -> int:
        """Number of promised files."""
        return len(self.digests)

    @property
    def sha256(self) -> str:
        """Digest of the tile's hash list."""
        return hash_list_digest(self.digests)


@dataclass(frozen=True)
class StoredRecord:
    """A record as read back from disk; the digests stay in the hash list."""

    asset: str
    """Asset key."""
    tile: str
    """Tile key, or ``release``."""
    files: int
    """Number of promised files."""
    bytes: int
    """Size of the promised files together."""
    sha256: str
    """Digest of the tile's hash list."""
    outputs: tuple[str, ...]
    """Files and folders below the asset's folder that belong to this tile."""
    made_from: dict[str, str]
    """Digest of each input, by asset key or file name."""
    made_with: dict[str, str]
    """Versions that decide bytes."""
    facts: dict[str, Any]
    """What else the asset says about the tile."""

    @property
    def version(self) -> str:
        """Digest of all that is promised of the tile: its files and its table."""
        table = self.facts.get("table", {}).get("sha256", "")
        return sha256_of_bytes(f"{self.sha256}{table}".encode())


_RECORD_FIELDS: Final = frozenset(
    ("asset", "tile", "files", "bytes", "sha256", "outputs", "made_from", "made_with")
)


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

    def find(self, asset: str, tile: str) -> StoredRecord | None:
        """The record of a tile, or None where the tile is not complete.

        Raises:
            InvalidInput: the record is not readable JSON with the fixed fields.
        """
        path = self.record_path(asset, tile)
        try:
            content = json.loads(path.read_text())
            known = {name: content.pop(name) for name in _RECORD_FIELDS}
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise InvalidInput(
                f"record {path} is damaged ({error!r}); delete it and materialize "
                f"{asset} of {tile} again"
            ) from error
        return StoredRecord(
            **{**known, "outputs": tuple(known["outputs"])}, facts=content
        )

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
        """Name to SHA-256 of the promised files of a tile.

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

        Whoever dies, on whichever host, loses it: see ``resources.locks``.
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
            path.mkdir(parents=True)
            try:
                yield Draft(self, asset, tile, path, lock)
            finally:
                shutil.rmtree(path, ignore_errors=True)

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
                for output in json.loads(journal.read_text()):
                    self._discard(asset, self.folder(asset) / output)
            journal.unlink(missing_ok=True)

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
        """
        if keep_hash_list:
            name = self.storage.hash_list_path(self.asset, self.tile).name
            (self.path / name).write_text(format_hash_list(record.digests))
            record = _with_output(record, name)
        stored = {
            "asset": record.asset,
            "tile": record.tile,
            "files": record.files,
            "bytes": record.bytes,
            "sha256": record.sha256,
            "made_from": record.made_from,
            "made_with": record.made_with,
            **record.facts,
            "outputs": sorted(record.outputs),
        }
        (self.path / _RECORD).write_text(
            json.dumps(stored, indent=1, ensure_ascii=False) + "\n"
        )
        flush_file_system(self.path)
        old = self.storage.find(self.asset, self.tile)
        self._clear(old.outputs if old else (), record.outputs)
        return self.storage.require(self.asset, self.tile)

    def _clear(self, old: tuple[str, ...], new: tuple[str, ...] | None = None) -> None:
        """Take the old tile away and put the new one, if any, in its place."""
        self.lock.require()
        try:
            self._replace(old, new)
        except FileNotFoundError as error:
            if self.path.exists():
                raise
            raise LockLost(
                f"{self.asset} of {self.tile} was taken over by another process, as "
                "this one was silent for too long; materialize it again"
            ) from error

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


def _rename_into(source: Path, target: Path) -> None:
    """Rename, making the parent; another tile may just be removing it as empty."""
    for _ in range(100):
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            source.rename(target)
            return
        time.sleep(0.01)
    source.rename(target)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a small file so that it is there in full or not at all."""
    partial = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}.part")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def flush_folder(path: Path) -> None:
    """Bring the names in a folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_file_system(path: Path) -> None:
    """Bring all written data of the file system that holds ``path`` to the disk.

    One call for a tile: an fsync for each of its 20,000 files takes minutes.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syncfs(handle) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(path))
    finally:
        os.close(handle)


@contextlib.contextmanager
def local_errors(path: Path) -> Iterator[None]:
    """Turn what this machine refuses into an error that says what to do.

    Raises:
        LocalResourceError: in place of an OSError such as "no space left".
    """
    try:
        yield
    except LocalResourceError:
        raise
    except OSError as error:
        advice = _LOCAL_ERRORS.get(error.errno or 0)
        if advice is None:
            raise
        at = error.filename or path
        raise LocalResourceError(
            f"cannot write {at}: {error.strerror}; {advice}"
        ) from error


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
