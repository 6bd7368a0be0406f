"""Locks as files, made with ``O_EXCL``.

Belongs here: who holds what, and whether it still lives. That holds on NFS too, where
``flock`` may end at the host. The owner touches its file while it lives; times are
compared by the file server's clock alone.

Files are made and removed one process at a time, under ``flock`` on one more file of
the folder: what was looked at is what is removed, however long a process pauses between
the two. Where ``flock`` ends at the host, is missing, or is held by a process that was
stopped, the file of a dead owner is looked at again after it was taken away, and put
back if it is another's by then.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.errors import InvalidInput, LockLost
from ben_assets.bigearthnet.plain_files import read_plain
from resources.data_root.locks import POSTGRES_MARK, Lock, Locks, Owner, is_seen_dead
from resources.settings import Settings

BEAT_SECONDS: Final = 10.0
"""How often an owner touches its lock file."""
GONE_AFTER_SECONDS: Final = 120.0
"""An owner on another host that was silent for so long is gone; more than the 60 s for
which an NFS client may show old file times (``acregmax``)."""
_GUARD: Final = ".guard"
"""The file of a lock folder that its users ``flock`` while they change it."""
GUARD_SECONDS: Final = 10.0
"""The folder is kept for milliseconds; one who keeps it for so long was stopped."""
_TAKEN: Final = ".taken"
"""Ends the name of a lock file that was taken away and not yet looked at."""


class FileLocks(Locks):
    """Locks as files of a folder that all hosts share."""

    def __init__(
        self,
        folder: Path,
        *,
        beat_seconds: float = BEAT_SECONDS,
        gone_after_seconds: float = GONE_AFTER_SECONDS,
    ) -> None:
        """All users of ``folder`` must give the same times."""
        self._folder = folder
        self._beat_seconds = beat_seconds
        self._gone_after_seconds = gone_after_seconds

    def lock(self, name: str) -> FileLock:
        """A lock by name, not yet held.

        Raises:
            InvalidInput: other processes keep the locks of this folder in PostgreSQL.
        """
        mark = self._folder / POSTGRES_MARK
        if mark.exists():
            raise InvalidInput(
                f"the locks of this data root are in PostgreSQL ({mark}), but "
                "BEN_LOCK_DSN is not set: set it as the other machines do, or delete "
                "that file when nothing runs"
            )
        path = self._folder / f"{name}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(name, path, self)

    @contextlib.contextmanager
    def guarded(self) -> Iterator[None]:
        """Keep others from making and removing lock files, as far as the disk can.

        A process that was stopped in here keeps nobody waiting for ever.
        """
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):  # no flock here: see the module
                flags = os.O_RDWR | os.O_CREAT
                handle = os.open(self._folder / _GUARD, flags, 0o666)
                stack.callback(os.close, handle)
                _flock(handle)
                # a forked child may have the handle, too, and keep it for long
                stack.callback(fcntl.flock, handle, fcntl.LOCK_UN)
            yield

    @property
    def beat_seconds(self) -> float:
        """How often an owner touches its lock file."""
        return self._beat_seconds

    def is_abandoned(self, content: bytes, touched: float) -> bool:
        """Whether the owner of a lock file is gone.

        Args:
            content: what the file says.
            touched: when it was touched last, by the file server's clock.
        """
        owner, here = Owner.parse(content), Owner.here()
        if owner and owner.machine and owner.machine == here.machine:
            is_dead = is_seen_dead(owner)
            if is_dead is not None:
                return is_dead
        silent_seconds = self._server_time() - touched
        # who dies between making the file and writing it leaves it empty
        limit = self._gone_after_seconds if owner else self._beat_seconds
        return silent_seconds > limit

    def _server_time(self) -> float:
        os.utime(self._folder)
        return self._folder.stat().st_mtime


class FileLock(Lock):
    """A lock that is held while a file has our content."""

    def __init__(self, name: str, path: Path, locks: FileLocks) -> None:
        """The lock that is the file ``path``."""
        super().__init__(name)
        self._path = path
        self._locks = locks
        self._content = b""
        self._stop = threading.Event()

    def acquire(self) -> bool:
        """Take the lock if nobody has it, or its owner is gone."""
        with self._locks.guarded():
            if not self._is_made():
                self._clear_abandoned()
                if not self._is_made():
                    return False
        threading.Thread(target=self._beat, name=self.name, daemon=True).start()
        return True

    def holder(self) -> str:
        """Who has it, for people; empty if nobody has."""
        found = _read(self._path)
        return "" if found is None else str(Owner.parse(found[0]) or "another process")

    def require(self) -> None:
        """Return only if the lock is held.

        Raises:
            LockLost: the file has another content, or is gone.
        """
        if not self._is_ours():
            raise LockLost(
                f"the lock on {self.name} is no longer ours ("
                f"{self.holder() or 'nobody'} has it): this process was silent for "
                "too long. Nothing was published; materialize it again"
            )

    def release(self) -> None:
        """Give it back, if it is held."""
        self._stop.set()
        with self._locks.guarded():
            if self._is_ours():
                self._path.unlink(missing_ok=True)

    def _is_made(self) -> bool:
        fields = {**asdict(Owner.here()), "id": uuid.uuid4().hex}
        content = json.dumps(fields).encode()
        if not _make_alone(self._path, content):
            return False
        self._content = content
        return self._is_ours()  # not so if we slept before we wrote, and it was cleared

    def _is_ours(self) -> bool:
        try:
            return bool(self._content) and read_plain(self._path) == self._content
        except FileNotFoundError:
            return False

    def _beat(self) -> None:
        while not self._stop.wait(self._locks.beat_seconds):
            with contextlib.suppress(OSError):  # the file server may be back next time
                if self._is_ours():
                    os.utime(self._path)

    def _clear_abandoned(self) -> None:
        """Remove the file of an owner that is gone, and of it alone."""
        seen = _read(self._path)
        if seen is None or not self._locks.is_abandoned(*seen):
            return
        for left in self._path.parent.glob(f".{self._path.stem}.*{_TAKEN}"):
            left.unlink(missing_ok=True)  # by one that was killed just below
        taken = self._path.with_name(f".{self._path.stem}.{uuid.uuid4().hex}{_TAKEN}")
        with contextlib.suppress(FileNotFoundError):
            self._path.rename(taken)
        if _read(taken) != seen:  # another made it, or touched it, meanwhile
            with contextlib.suppress(FileExistsError, FileNotFoundError):
                os.link(taken, self._path)
        taken.unlink(missing_ok=True)


def _flock(handle: int) -> None:
    """Take the guard when it is free.

    Raises:
        OSError: there is no ``flock`` here, or it was not free for ``GUARD_SECONDS``.
    """
    end = time.monotonic() + GUARD_SECONDS
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise
            time.sleep(0.002)


def _make_alone(path: Path, content: bytes) -> bool:
    """Write a file that nobody else has made."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        return False
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return True


def _read(path: Path) -> tuple[bytes, float] | None:
    """Content and time of a file; opened, so that NFS asks its server for both.

    Raises:
        InvalidInput: a directory or a link lies in its place.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        with os.fdopen(handle, "rb") as file:
            return file.read(), os.fstat(handle).st_mtime
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in {errno.EISDIR, errno.ELOOP}:
            raise InvalidInput(
                f"expected a lock file at {path}, found a directory or a link; "
                "remove it when nothing runs"
            ) from error
        raise


def locks_of(settings: Settings) -> Locks:
    """The locks of the data root, in PostgreSQL where ``BEN_LOCK_DSN`` is set."""
    folder = settings.data_dir / ".locks"
    dsn = settings.text("BEN_LOCK_DSN")
    if dsn is None:
        return FileLocks(folder)
    # here: a run whose locks are files shall not wait for the database driver
    from resources.data_root.postgres_locks import PostgresLocks

    return PostgresLocks(dsn, folder)
