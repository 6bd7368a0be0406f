"""When to try again, and how many connections at once.

Belongs here: waits with jitter, pauses and slots that all processes share. Not here:
what is tried.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol, TypeVar

from ben_assets.bigearthnet.errors import BenError, FailureClass, ServiceUnavailable
from ben_assets.bigearthnet.numerals import counted
from ben_assets.bigearthnet.plain_files import read_plain
from resources.data_root.files import local_errors, write_atomically
from resources.data_root.locks import Lock, Locks
from resources.transfers.timeouts import Timeouts

_POLL_SECONDS: Final = 0.2


class Limiter:
    """Slots that one process or thread holds at a time."""

    def __init__(self, locks: Locks, name: str, slots: int) -> None:
        """Use ``slots`` locks ``<name>/slot-<n>``; all must give the same number."""
        self._locks = locks
        self._name = name
        self._slots = slots

    @contextlib.contextmanager
    def slot(self, on_wait: Callable[[str], None]) -> Iterator[None]:
        """Hold a slot; waits for one, and says so once."""
        with contextlib.ExitStack() as stack:
            slots = [
                self._locks.lock(f"{self._name}/slot-{number}")
                for number in range(self._slots)
            ]
            for slot in slots:
                stack.callback(slot.release)
            if not _is_one_taken(slots):
                on_wait(
                    f"all {self._slots} connections of the account are in use; waiting"
                )
                while not _is_one_taken(slots):
                    time.sleep(_POLL_SECONDS * random.uniform(0.5, 1.5))
            yield


def _is_one_taken(slots: list[Lock]) -> bool:
    return any(slot.acquire() for slot in slots)


T = TypeVar("T")
MOST_FAILURES: Final = 20
"""Failures in a row that end a task, whatever waits the service asks for."""


class Pause(Protocol):
    """A time before which nothing is asked again."""

    def ask(self, seconds: float) -> None:
        """Have all wait for so long from now; never shortens a pause."""
        ...

    def wait(self) -> None:
        """Return when no pause holds."""
        ...


class BackOff(Pause):
    """A time before which no process sends requests of one kind."""

    def __init__(self, path: Path, timeouts: Timeouts) -> None:
        """Shared by all processes that use the same ``path``."""
        self._path = path
        self._longest = timeouts.longest_pause_seconds

    def ask(self, seconds: float) -> None:
        """Have all processes wait for so long from now; never shortens a pause."""
        until = time.time() + min(seconds, self._longest)
        if until > self._until():
            with local_errors(self._path):
                self._path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(self._path, repr(until).encode())

    def wait(self) -> None:
        """Return when no pause holds, a moment later so that not all start at once."""
        while (left := self._until() - time.time()) > 0:
            time.sleep(left + random.uniform(0, min(0.5, left)))

    def _until(self) -> float:
        """End of the pause; one beyond the longest comes from a clock put back."""
        with contextlib.suppress(OSError, ValueError):
            until = float(read_plain(self._path))
            return until if until <= time.time() + self._longest else 0.0
        return 0.0


class OwnPause(Pause):
    """A pause that one task keeps to: nobody else asks that service."""

    def __init__(self, timeouts: Timeouts) -> None:
        """Nobody asked for a pause yet."""
        self._longest = timeouts.longest_pause_seconds
        self._until = 0.0

    def ask(self, seconds: float) -> None:
        """Wait for so long from now."""
        until = time.monotonic() + min(seconds, self._longest)
        self._until = max(self._until, until)

    def wait(self) -> None:
        """Return when the pause is over."""
        time.sleep(max(0.0, self._until - time.monotonic()))


class Retrier:
    """Decides after each failure of one task whether and when to try again."""

    def __init__(
        self, timeouts: Timeouts, pause: Pause, log: Callable[[str], None]
    ) -> None:
        """Start the clock of the task."""
        self.timeouts = timeouts
        self._pause = pause
        self._log = log
        self._started = self._since = time.monotonic()
        self._failures = 0

    def branch(self) -> Retrier:
        """One for a part of the task: failures of its own, within the same time."""
        one = Retrier(self.timeouts, self._pause, self._log)
        one._started = self._started
        return one

    @property
    def seconds_left(self) -> float:
        """Until the whole task must be over."""
        return self.timeouts.total_seconds - (time.monotonic() - self._started)

    @contextlib.contextmanager
    def not_counted(self) -> Iterator[None]:
        """What is waited for here does not count as time of this task."""
        start = time.monotonic()
        yield
        waited = time.monotonic() - start
        self._since += waited
        self._started += waited

    @contextlib.contextmanager
    def connection(self, limiter: Limiter | None) -> Iterator[None]:
        """Hold one of the connections that are limited; the wait is not counted."""
        with contextlib.ExitStack() as stack:
            if limiter is not None:
                with self.not_counted():
                    stack.enter_context(limiter.slot(self._log))
            yield

    def progressed(self) -> None:
        """Something was won: the count of failures in a row starts again."""
        self._failures = 0

    @contextlib.contextmanager
    def attempt(self) -> Iterator[None]:
        """One try, in a loop that success leaves.

        Raises:
            BenError: of the block, where no further try helps.
        """
        with self.not_counted():
            self._pause.wait()
        try:
            yield
        except BenError as error:
            self.failed(error)

    def run(self, action: Callable[[], T]) -> T:
        """The result of ``action``, tried until it succeeds.

        Raises:
            BenError: the last failure.
        """
        while True:
            with self.attempt():
                return action()

    def failed(self, error: BenError) -> None:
        """Wait until the next try, or have all processes wait if the service asks so.

        Raises:
            BenError: ``error`` itself if no wait helps; one of its class that says how
                long was tried if the time is up.
        """
        if not isinstance(error, ServiceUnavailable):
            raise error
        if self._failures == 0:
            self._since = time.monotonic()
        self._failures += 1
        wait = self._next_wait(error)
        is_asked = error.retry_after is not None
        if is_asked and wait > self.timeouts.longest_pause_seconds:
            raise _given_up(error, f"the service asks to wait {wait:.0f} s")
        tried = time.monotonic() - self._since
        is_over = tried + wait > self.timeouts.give_up_seconds and not is_asked
        if is_over or wait > self.seconds_left or self._failures >= MOST_FAILURES:
            raise _given_up(
                error, f"failed {counted(self._failures, 'time')} in {tried:.0f} s"
            )
        left = self.timeouts.give_up_seconds - tried
        limit = "" if is_asked else f", giving up in {left:.0f} s"
        self._log(f"{error}; trying again in {wait:.1f} s{limit}")
        if is_asked or error.failure_class is FailureClass.QUOTA:
            self._pause.ask(wait)
        else:
            time.sleep(wait)

    def _next_wait(self, error: ServiceUnavailable) -> float:
        if error.retry_after is not None:
            return error.retry_after
        wait = self.timeouts.first_wait_seconds * 2.0 ** (self._failures - 1)
        wait = min(self.timeouts.longest_wait_seconds, wait)
        return wait * random.uniform(0.75, 1.25)


def _given_up(error: ServiceUnavailable, why: str) -> ServiceUnavailable:
    return type(error)(
        f"{error}; {why}. Run the same again later",
        error.retry_after,
    )
