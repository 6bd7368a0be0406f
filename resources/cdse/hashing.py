"""Digests of a file while it grows, in a thread of their own.

The thread reads behind the writer, from memory as a rule: a transfer is never slowed
down by its own hashing, and both end at nearly the same time.
"""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Final

from blake3 import blake3

_STEP: Final = 1 << 20


class GrowingDigest:
    """SHA-256 and BLAKE3 of a file that another thread writes from its start on."""

    def __init__(self, path: Path) -> None:
        """Start to follow ``path``, which must exist."""
        self._path = path
        self._news = threading.Condition()
        self._written = 0
        self._is_over = False
        self._error: Exception | None = None
        self._sha256 = hashlib.sha256()
        self._blake3 = blake3()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def advance(self, written: int) -> None:
        """Tell that the first ``written`` bytes are in the file."""
        with self._news:
            self._written = written
            self._news.notify()

    def digests(self) -> dict[str, str]:
        """``SHA256`` and ``BLAKE3`` of all bytes told of, lower-case hex.

        Raises:
            OSError: the file could not be read.
        """
        self.close()
        if self._error is not None:
            raise self._error
        return {
            "SHA256": self._sha256.hexdigest(),
            "BLAKE3": self._blake3.hexdigest(),
        }

    def close(self) -> None:
        """End the thread, once it has read what it was told of."""
        with self._news:
            self._is_over = True
            self._news.notify()
        self._thread.join()

    def _follow(self) -> None:
        try:
            self._read_behind()
        except OSError as error:
            self._error = error

    def _read_behind(self) -> None:
        buffer = memoryview(bytearray(_STEP))
        position = 0
        with self._path.open("rb", buffering=0) as file:
            while (end := self._next_end(position)) > position:
                while position < end:
                    n = file.readinto(buffer[: min(_STEP, end - position)])
                    if not n:
                        raise OSError(f"{self._path} became shorter")
                    self._sha256.update(buffer[:n])
                    self._blake3.update(buffer[:n])
                    position += n

    def _next_end(self, position: int) -> int:
        with self._news:
            while self._written - position < _STEP and not self._is_over:
                self._news.wait()
            return self._written
