"""What a lock is: one owner at a time for a name, over processes and hosts.

Belongs here: the interface and who an owner is. Not here: where a lock is kept
(``file_locks``, ``postgres_locks``), and what it is held for.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

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
        """Raise LockLost unless this process still holds the lock (best effort).

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
        return cls(socket.gethostname(), pid, _machine(), started_at(pid))

    @classmethod
    def parse(cls, content: bytes) -> Owner | None:
        """From a lock file; None where that is not whole."""
        try:
            fields = json.loads(content)
            owner = cls(*(fields[name] for name in cls.__dataclass_fields__))
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        texts = (owner.host, owner.machine, owner.started)
        is_whole = type(owner.pid) is int and all(type(one) is str for one in texts)
        return owner if is_whole and owner.pid > 0 else None

    def __str__(self) -> str:
        """Where to find it."""
        return f"process {self.pid} on {self.host}"


def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def is_seen_dead(owner: Owner) -> bool | None:
    """Whether an owner of this machine is dead; None where that cannot be seen.

    With ``/proc`` mounted as ``hidepid=2`` the processes of other users have no entry
    there, although they live.
    """
    started = started_at(owner.pid)
    if started and owner.started:
        return started != owner.started
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return None
    return _is_zombie(owner.pid) or None


def started_at(pid: int) -> str:
    """Start time of a living process in ticks; empty where there is none."""
    fields = _stat(pid)
    return "" if not fields or fields[0] in "ZX" else fields[19]


def _is_zombie(pid: int) -> bool:
    fields = _stat(pid)
    return bool(fields) and fields[0] in "ZX"


def _stat(pid: int) -> list[str]:
    """State, ..., start time (20th) of a process; empty where it is not to be seen."""
    try:
        # after the name in parentheses, which may hold anything
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
