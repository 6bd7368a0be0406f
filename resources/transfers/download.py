"""One public file to disk: bounded in size, pace and time, resumed, or not there.

Belongs here: files that a digest decides about. Not here: what the file must be.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.errors import LocalResourceError
from resources.data_root.files import local_errors
from resources.transfers.public_access import PublicAccess
from resources.transfers.retrier import OwnPause, Retrier
from resources.transfers.timeouts import Timeouts
from resources.transfers.transfer import Expected, NoDigest, Place, Transfer
from resources.transfers.transport import Request, Transport, shown

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


@dataclass(frozen=True)
class PublicFile:
    """A file that anybody may have, by its address."""

    name: str
    """For messages."""
    url: str
    """Where it is; redirects may lead to any host by https."""
    expected: Expected
    """What is known of it."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """More headers of the request."""


def download(
    file: PublicFile, part: Path, timeouts: Timeouts, log: Callable[[str], None]
) -> bool:
    """Bring ``part`` to its full length, going on where an earlier process stopped.

    Returns:
        Whether an earlier part was used: where the digest differs, it may be to blame.

    Raises:
        ServiceUnavailable: no whole file before time was up.
        ProductGone, AccessRefused: the server has no such file, or refuses it.
        ChangedUpstream, CorruptProduct: longer or shorter than expected.
        LocalResourceError: the disk refuses; the part is removed, so that a full disk
            does not stay full.
    """
    have = part.stat().st_size if part.exists() else 0
    if file.expected.size is not None and have > file.expected.size:
        have = 0  # of something else
    elif have and have == file.expected.size:
        return True
    try:
        with local_errors(part):
            part.parent.mkdir(parents=True, exist_ok=True)
            part.touch()
            return _download(file, Place(part, have=have), timeouts, log)
    except LocalResourceError:
        part.unlink(missing_ok=True)
        raise


def _download(
    file: PublicFile, place: Place, timeouts: Timeouts, log: Callable[[str], None]
) -> bool:
    attempts = Retrier(timeouts, OwnPause(timeouts), log)
    transport = Transport(PublicAccess(file.url, timeouts, any_host=True))
    progress = Progress(file.name, file.expected.size or 0, log)
    transfer = Transfer(place, attempts, progress, NoDigest, file.expected)
    while True:
        with transfer.attempt() as headers:
            request = Request(file.url, {**file.headers, **headers})
            with transport.open(request) as reply:
                was_continued = reply.status == 206
                log(f"{file.name}: {'continued' if was_continued else 'fetching'}")
                transfer.receive(reply, shown(file.url))
            return was_continued
