"""One owner at a time for a name, over all processes and hosts of a data root.

Belongs here: who holds what, and whether he still lives. Not here: what it is held for.

Where no PostgreSQL is set (``postgres_locks``), a lock is a file made with ``O_EXCL``.
That holds on NFS too, where ``flock`` may end at the host. Its owner touches it while
he lives; times are compared by the file server's clock alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.errors import InvalidInput, LockLost
from resources.settings import Settings

BEAT_SECONDS: Final = 10.0
"""How often an owner touches his lock file."""
GONE_AFTER_SECONDS: Final = 120.0
"""An owner on another host that was silent for so long is gone; more than the 60 s for
which an NFS client may show old file times (``acregmax``)."""
POSTGRES_MARK: Final = "postgres.json"
"""In the lock folder: the locks of this data root are in PostgreSQL."""


class Lock(ABC):
    """One named lock, as seen by one process; held between acquire and release."""

    def __init__(self, name: str) -> None:
        """``name`` is a path of plain words, such as ``patches/<tile key>``."""
        self.name = name

    @abstractmethod
    def acquire(self) -> bool:
        """Take the lock if nobody has it."""

    @abstractmethod
    def holder(self) -> str:
        """Who has it, for people; empty if nobody has."""

    @abstractmethod
    def require(self) -> None:
        """Return only if the lock is held, as far as anybody can know.

        Raises:
            LockLost: another owner has, or had, it since.
        """

    @abstractmethod
    def release(self) -> None:
        """Give it back, if it is held; the object is of no more use."""


class Locks(ABC):
    """All locks of a data root."""

    poll_seconds: float = 1.0

    @abstractmethod
    def lock(self, name: str) -> Lock:
        """A lock by name, not yet held."""

    @contextlib.contextmanager
    def hold(self, name: str, on_wait: Callable[[str], None]) -> Iterator[Lock]:
        """Hold a lock; waits for it, and tells ``on_wait`` who has it."""
        lock, told = self.lock(name), ""
        try:
            while not lock.acquire():
                holder = lock.holder()
                if holder and holder != told:
                    on_wait(holder)
                    told = holder
                time.sleep(self.poll_seconds * random.uniform(0.5, 1))
            yield lock
        finally:
            lock.release()


def locks_of(settings: Settings) -> Locks:
    """The locks of the data root, in PostgreSQL where ``BEN_LOCK_DSN`` is set."""
    folder = settings.data_dir / ".locks"
    dsn = settings.text("BEN_LOCK_DSN")
    if dsn is None:
        return FileLocks(folder)
    from resources.postgres_locks import PostgresLocks

    return PostgresLocks(dsn, folder)


@dataclass(frozen=True)
class Owner:
    """A process."""

    host: str
    """Name of its host, for people."""
    pid: int
    """Its process id there."""
    machine: str
    """Boot and process namespace that the id is of; empty where that is not known."""
    started: str
    """Start of the process in ticks since the boot: process ids are used again."""

    @classmethod
    def here(cls) -> Owner:
        """This process."""
        pid = os.getpid()
        return cls(socket.gethostname(), pid, _machine(), _started(pid))

    @classmethod
    def parse(cls, content: bytes) -> Owner | None:
        """From a lock file; None where that is not whole."""
        try:
            fields = json.loads(content)
            return cls(*(fields[name] for name in cls.__dataclass_fields__))
        except (ValueError, KeyError, TypeError):
            return None

    def __str__(self) -> str:
        """Where to find it."""
        return f"process {self.pid} on {self.host}"


def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Start time of a living process in ticks; empty where there is none."""
    try:
        # after the name in parentheses, which may hold anything: state, ..., starttime
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


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
            return _started(owner.pid) != owner.started
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
