"""Progress of a transfer in words, at most one line in ten seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

EVERY_SECONDS: Final = 10.0


class Progress:
    """Call it with the number of bytes so far."""

    def __init__(
        self,
        what: str,
        total: int,
        log: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``total`` is 0 where nobody knows."""
        self._what = what
        self._total = total
        self._log = log
        self._clock = clock
        self._at, self._bytes = clock(), 0

    def __call__(self, size: int) -> None:
        """Write a line if the last one is long ago; speed is since then."""
        now = self._clock()
        seconds = now - self._at
        if seconds < EVERY_SECONDS:
            return
        speed = max(0, size - self._bytes) / seconds
        self._at, self._bytes = now, size
        text = f"{self._what}: {size / 1e6:.0f} MB, {speed / 1e6:.1f} MB/s"
        if self._total and speed:
            left = max(0, self._total - size) / speed
            text += f", {100 * size / self._total:.0f} %, {left:.0f} s left"
        self._log(text)
