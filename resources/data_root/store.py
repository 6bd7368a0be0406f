"""The data root: where every artifact lies, and how it gets there whole.

Belongs here: folder layout, records, drafts, locks. Not here: what a file contains.

``$BEN_DATA_DIR/<asset>/`` holds one record ``<tile>.json`` per finished tile, written
last: readers go by it. A tile is made in a draft folder beside its target and moved in
by renames, under a lock; a journal lets the next run clear what a killed one left.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.checksums import format_hash_list
from ben_assets.bigearthnet.errors import BenError, InvalidInput, LockLost
from resources.data_root.file_locks import FileLocks, locks_of
from resources.data_root.files import (
    files_below,
    flush_file_system,
    flush_folder,
    link_on_the_way,
    local_errors,
    write_atomically,
)
from resources.data_root.locks import Lock, Locks
from resources.data_root.records import (
    FileDigest,
    Record,
    StoredRecord,
    format_record,
    is_output,
)
from resources.data_root.stored_tiles import JOURNAL, StoredTiles, journal_outputs
from resources.settings import Settings

__all__ = ["Draft", "Record", "Storage", "StoredRecord"]


class Storage(StoredTiles):
    """Reads and replaces the tiles of assets below one data root."""

    def __init__(self, root: Path, locks: Locks | None = None) -> None:
        """Use ``root`` (``BEN_DATA_DIR``); it is made on the first write."""
        super().__init__(root)
        self._locks = locks or FileLocks(root / ".locks")

    @classmethod
    def from_settings(cls, settings: Settings) -> Storage:
        """The data root and the locks that the settings name."""
        return cls(settings.data_dir, locks_of(settings))

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
            assets: in flow order, in which all take their locks: so no two wait for
                each other.
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
            path = self.drafts(asset) / f"{tile}-{uuid.uuid4().hex[:8]}"
            _make_folder(path)
            draft = Draft(self, asset, tile, path, lock)
            try:
                lock.require()
                draft.recover()
                yield draft
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

    def _of_others(self, asset: str, tile: str) -> set[str]:
        """Outputs in records of other tiles: two may share a Sentinel-1 directory."""
        found: set[str] = set()
        for other in self.tiles(asset):
            if other != tile:
                with contextlib.suppress(InvalidInput):  # damaged: reported elsewhere
                    record = self.find(asset, other)
                    found |= set(record.outputs if record else ())
        return found

    def place(self, asset: str, output: str) -> Path:
        """Where an output of an asset lies.

        Raises:
            InvalidInput: the name leads out of the asset's folder, literally or
                through a link.
        """
        folder = self.folder(asset)
        if not is_output(output):
            raise InvalidInput(
                f"{output!r} is not a name for a file below {folder}; expected a "
                "relative path that stays inside; nothing was changed"
            )
        link = link_on_the_way(folder, output)
        if link is not None:
            raise InvalidInput(
                f"{folder / output} lies behind the link {link}: expected directories "
                "alone below the data root; replace the link by the directory itself; "
                "nothing was changed"
            )
        return folder / output


_RECORD: Final = ".record"
_TRASH: Final = ".old"
_LEFT: Final = ".left"


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
        self._write_record(record, _contents(self.path, record))
        self._clear(self._old_outputs(), record.outputs)
        return self.storage.require(self.asset, self.tile)

    def restate(self, record: StoredRecord, made_from: dict[str, str]) -> StoredRecord:
        """Say what a tile that stays as it is was made from; its files stay in place.

        Raises:
            LockLost: see ``publish``.
        """
        stated = dataclasses.replace(record, made_from=made_from)
        self._write_record(stated, record.contents)
        place = self.storage.record_path(self.asset, self.tile)
        (self.path / _RECORD).rename(place)
        flush_folder(place.parent)
        return self.storage.require(self.asset, self.tile)

    def recover(self) -> None:
        """Clear what a killed run left of this tile, and stop one that was overtaken.

        A draft that is not at its place any more cannot be published: so first all
        other drafts are renamed, then what they moved into place is moved in here.
        """
        drafts = self.path.parent
        for other in list(drafts.glob(f"{self.tile}-*")):
            if other != self.path and other.suffix != JOURNAL:
                with contextlib.suppress(FileNotFoundError):
                    gone = other.rename(other.with_suffix(f".{uuid.uuid4().hex[:8]}"))
                    _remove(gone)
        trash = self.path / _LEFT
        trash.mkdir()
        for journal in list(drafts.glob(f"{self.tile}-*{JOURNAL}")):
            (trash / journal.stem).mkdir()
            if not self.storage.record_path(self.asset, self.tile).exists():
                outputs = set(journal_outputs(journal))
                theirs = self.storage._of_others(self.asset, self.tile)
                self._take_away(sorted(outputs - theirs), trash / journal.stem)
            journal.rename(trash / journal.name)
        _remove(trash)

    def _write_record(
        self, record: Record | StoredRecord, contents: dict[str, FileDigest]
    ) -> None:
        """Put a record into the draft, which is on disk then, and the tile still ours.

        Raises:
            LockLost: another process took the tile over.
        """
        (self.path / _RECORD).write_text(format_record(record, contents))
        flush_file_system(self.path)
        self.lock.require()

    def _take_away(self, outputs: Iterable[str], trash: Path) -> None:
        """Move what is there of the outputs into a folder of this draft.

        Renames alone: they fail once another process moved the draft away.
        """
        for number, output in enumerate(outputs):
            place = self.storage.place(self.asset, output)
            if os.path.lexists(place):
                place.rename(trash / str(number))
            _remove_empty(place.parent, self.storage.folder(self.asset))

    def _old_outputs(self) -> tuple[str, ...]:
        """What the asset has of this tile, whether its record says so or not."""
        try:
            old = self.storage.find(self.asset, self.tile)
        except BenError:  # damaged: its files are replaced by those of the new one
            old = None
        recorded = old.outputs if old else ()
        return (*recorded, *self.storage.own_entries(self.asset, self.tile))

    def _clear(self, old: tuple[str, ...], new: tuple[str, ...]) -> None:
        """Take the old tile away and put the new one in its place."""
        gone = set(old) - set(new)
        theirs = self.storage._of_others(self.asset, self.tile) if gone else set()
        self._replace(tuple(path for path in old if path not in gone & theirs), new)

    def _replace(self, old: tuple[str, ...], new: tuple[str, ...]) -> None:
        """Renames alone, out of the draft or into it.

        So none of them does anything once ``recover`` of another process moved the
        draft away.
        """
        folder, trash = self.storage.folder(self.asset), self.path / _TRASH
        record = self.storage.record_path(self.asset, self.tile)
        both = sorted({*old, *new})
        for name in both:
            self.storage.place(self.asset, name)
        _make_parents([folder / output for output in new], folder)
        trash.mkdir()
        write_atomically(self.path / JOURNAL, json.dumps(both).encode())
        journal = (self.path / JOURNAL).rename(self.path.with_suffix(JOURNAL))
        flush_folder(journal.parent)
        if os.path.lexists(record):
            record.rename(trash / _RECORD)
        self._take_away(both, trash)
        for output in new:
            _rename_into(self.path / output, folder / output)
        (self.path / _RECORD).rename(record)
        flush_folder(folder)
        journal.unlink()


def _remove(path: Path) -> None:
    """Remove a folder or file that is ours alone, as far as that is permitted."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def _remove_empty(folder: Path, top: Path) -> None:
    """Remove ``folder`` and those above it, up to ``top``, that are empty."""
    with contextlib.suppress(OSError):
        while folder != top:
            with contextlib.suppress(FileNotFoundError):
                folder.rmdir()
            folder = folder.parent


def _make_parents(places: Iterable[Path], top: Path) -> None:
    """Make the folders of outputs while the old tile is in place: a disk may refuse.

    Raises:
        OSError: it does; none of them stays.
    """
    parents = {place.parent for place in places}
    try:
        for parent in parents:
            _make_folder(parent)
    except OSError:
        for parent in parents:
            _remove_empty(parent, top)
        raise


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
            path.mkdir(parents=True, exist_ok=True)
            return
    path.mkdir(parents=True, exist_ok=True)


def _rename_into(source: Path, target: Path) -> None:
    """Rename, making the parent; another tile may just be removing it as empty."""
    for _ in range(100):
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            source.rename(target)
            return
        time.sleep(0.01)
    source.rename(target)
