"""At most so many open downloads of an account, over all processes of a data root.

Belongs here: slots, each of which is a lock. Not here: pauses.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator
from typing import Final

from resources.data_root.locks import Lock, Locks

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
