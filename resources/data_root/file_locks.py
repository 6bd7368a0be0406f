"""Locks as files, made with ``O_EXCL``.

Belongs here: who holds what, and whether he still lives. That holds on NFS too, where
``flock`` may end at the host. The owner touches his file while he lives; times are
compared by the file server's clock alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.errors import InvalidInput, LockLost
from resources.data_root.locks import POSTGRES_MARK, Lock, Locks, Owner, is_seen_dead

BEAT_SECONDS: Final = 10.0
"""How often an owner touches his lock file."""
GONE_AFTER_SECONDS: Final = 120.0
"""An owner on another host that was silent for so long is gone; more than the 60 s for
which an NFS client may show old file times (``acregmax``)."""


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

    @property
    def beat_seconds(self) -> float:
        """How often an owner touches his lock file."""
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
        if not self._is_made():
            self._clear_abandoned()
            if not self._is_made():
                return False
        threading.Thread(target=self._beat, name=self.name, daemon=True).start()
        return True

    def holder(self) -> str:
        """Who has it, for people; empty if nobody has."""
        with contextlib.suppress(FileNotFoundError):
            return str(Owner.parse(self._path.read_bytes()) or "another process")
        return ""

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
            return bool(self._content) and self._path.read_bytes() == self._content
        except FileNotFoundError:
            return False

    def _beat(self) -> None:
        while not self._stop.wait(self._locks.beat_seconds):
            with contextlib.suppress(OSError):  # the file server may be back next time
                if self._is_ours():
                    os.utime(self._path)

    def _clear_abandoned(self) -> None:
        """Remove the file of an owner who is gone; of several that try, one does."""
        seen = _read(self._path)
        if seen is None or not self._locks.is_abandoned(*seen):
            return
        breaker = self._path.with_suffix(".break")
        if not _make_alone(breaker, b""):
            left = _read(breaker)  # by one who died just here
            if left is not None and self._locks.is_abandoned(*left):
                breaker.unlink(missing_ok=True)
            return
        try:
            now = _read(self._path)
            if now is not None and now[0] == seen[0]:
                self._path.unlink(missing_ok=True)
        finally:
            breaker.unlink(missing_ok=True)


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
    """Content and time of a file; opened, so that NFS asks its server for both."""
    try:
        with path.open("rb") as file:
            return file.read(), os.fstat(file.fileno()).st_mtime
    except FileNotFoundError:
        return None
