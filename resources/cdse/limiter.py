"""At most so many open downloads of an account, over all processes of a data root.

Belongs here: slots that the kernel frees when their process dies. Not here: pauses.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from resources.storage import local_errors

_POLL_SECONDS: Final = 0.2


class Limiter:
    """Slots as locked files: one process or thread holds each at a time."""

    def __init__(self, folder: Path, slots: int) -> None:
        """Use ``slots`` files of ``folder``; all users must give the same number."""
        self._folder = folder
        self._slots = slots

    @contextlib.contextmanager
    def slot(self, on_wait: Callable[[str], None]) -> Iterator[None]:
        """Hold a slot; waits for one, and says so once."""
        with local_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            handle = self._try()
        if handle is None:
            on_wait(f"all {self._slots} connections of the account are in use; waiting")
        while handle is None:
            time.sleep(_POLL_SECONDS * random.uniform(0.5, 1.5))
            handle = self._try()
        try:
            yield
        finally:
            os.close(handle)

    def _try(self) -> int | None:
        for number in range(self._slots):
            path = self._folder / f"slot-{number}"
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
            else:
                return handle
        return None
