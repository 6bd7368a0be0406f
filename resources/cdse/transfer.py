"""One body on its way into a file: what is there, and what it is a part of.

Belongs here: resuming, starting over, pace, first bytes. Not here: tokens and
connections (``download``). A part is kept for the next try only where the service
verifies, by 206, Content-Range and an unchanged validator, that it goes on where we
stopped.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPResponse
from io import FileIO
from pathlib import Path
from typing import Final

from blake3 import blake3

from ben_assets.bigearthnet.errors import CorruptProduct, ServiceUnavailable
from ben_assets.safe.zip_safety import MAX_PRODUCT_BYTES
from resources.cdse.access import Timeouts
from resources.cdse.retrier import Retrier
from resources.cdse.transport import RequestRefused, connection_errors
from resources.data_root.store import local_errors

_PIECE: Final = 1 << 19
_PROGRESS: Final = 1 << 20
"""Bytes further than ever before that count as progress."""
_ZIP_START: Final = b"PK\x03\x04"
_CONTENT_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


@dataclass(frozen=True)
class Delivered:
    """A body that arrived in full, as far as HTTP can tell."""

    size: int
    """Bytes."""
    digests: dict[str, str]
    """Those computed on the way (``BLAKE3``), lower-case hex."""
    is_as_served: bool = True
    """Whether the catalogue's length and checksums concern these very bytes."""


class Transfer:
    """The file, how much of it is there, and what that is a part of."""

    def __init__(
        self,
        path: Path,
        timeouts: Timeouts,
        attempts: Retrier,
        on_bytes: Callable[[int], None],
    ) -> None:
        """Nothing is there yet; ``on_bytes`` gets the size so far."""
        self._path = path
        self._patience = timeouts
        self._attempts = attempts
        self._on_bytes = on_bytes
        # By far the fastest of the service's checksums: it costs the transfer nothing.
        self._digest = blake3()
        self._size = self._furthest = 0
        self._total: int | None = None
        self._validator: tuple[str, str] | None = None

    def resume_headers(self) -> dict[str, str]:
        """Ask for the rest where that can be verified, else for all."""
        if not self._size or not self._validator or self._total is None:
            return {}
        return {"Range": f"bytes={self._size}-", "If-Range": self._validator[1]}

    def receive(self, reply: HTTPResponse, source: str) -> None:
        """Append or start over, until the body ends.

        Raises:
            ServiceUnavailable: cut short, stalled, or no zip.
        """
        if reply.status == 206:
            self._require_continuation(reply, source)
        else:
            self._start_over()
            length = reply.headers.get("Content-Length", "")
            self._total = int(length) if length.isdigit() else None
            self._validator = _validator(reply)
        with self._path.open("r+b", buffering=0) as file, connection_errors(source):
            file.seek(self._size)
            self._copy(reply, file, source)
        if self._total is not None and self._size != self._total:
            raise ServiceUnavailable(
                f"{source}: the body ended after {self._size} of {self._total} bytes"
            )

    def range_refused(self, error: RequestRefused) -> None:
        """Start over where the refusal concerns the part asked for.

        Raises:
            RequestRefused: all was asked for.
            ServiceUnavailable: try again.
        """
        if not self.resume_headers():
            raise error
        self._start_over()
        raise ServiceUnavailable(f"{error}; starting over")

    def failed(self) -> None:
        """Count what this try won."""
        if self._size >= self._furthest + _PROGRESS:
            self._furthest = self._size
            self._attempts.progressed()

    def finish(self) -> Delivered:
        """What arrived."""
        return Delivered(self._size, {"BLAKE3": self._digest.hexdigest()})

    def _copy(self, reply: HTTPResponse, file: FileIO, source: str) -> None:
        pace = _Pace(self._patience, self._attempts.seconds_left)
        # read1 gives what is there; a full read would wait for the rest of a piece, and
        # lose what it has when the connection breaks.
        while piece := reply.read1(_PIECE):
            _require_zip_start(piece, self._size, reply, source)
            self._write(file, memoryview(piece))
            self._size += len(piece)
            self._digest.update(piece)
            self._on_bytes(self._size)
            pace.require(len(piece), self._size, source)
        if self._size == 0:
            raise ServiceUnavailable(f"{source}: an empty body instead of a zip")

    def _write(self, file: FileIO, content: memoryview) -> None:
        with local_errors(self._path):
            while content:
                content = content[file.write(content) :]

    def _require_continuation(self, reply: HTTPResponse, source: str) -> None:
        found = _CONTENT_RANGE.fullmatch(reply.headers.get("Content-Range", ""))
        start, _, total = map(int, found.groups()) if found else (-1, -1, -1)
        if (start, total, _validator(reply)) != (
            self._size,
            self._total,
            self._validator,
        ):
            expected = f"bytes {self._size}- of {self._total}"
            self._start_over()
            raise ServiceUnavailable(
                f"{source}: expected {expected} of the same version, found "
                f"{reply.headers.get('Content-Range')!r}; starting over"
            )

    def _start_over(self) -> None:
        self._digest = blake3()
        self._size = 0
        self._total = self._validator = None
        with local_errors(self._path):
            self._path.write_bytes(b"")


class _Pace:
    """Notices a transfer that goes on, but not at a useful speed."""

    def __init__(self, timeouts: Timeouts, seconds_left: float) -> None:
        self._patience = timeouts
        self._end = time.monotonic() + seconds_left
        self._since, self._bytes = time.monotonic(), 0

    def require(self, n: int, size: int, source: str) -> None:
        """Count ``n`` more bytes.

        Raises:
            ServiceUnavailable: too slow, or out of time.
            CorruptProduct: longer than any product.
        """
        now = time.monotonic()
        self._bytes += n
        if size > MAX_PRODUCT_BYTES:
            raise CorruptProduct(f"{source}: more than {MAX_PRODUCT_BYTES} bytes")
        if now > self._end:
            raise ServiceUnavailable(f"{source}: not complete in the time allowed")
        seconds = now - self._since
        if seconds < self._patience.stall_seconds:
            return
        if self._bytes < self._patience.min_bytes_per_second * seconds:
            raise ServiceUnavailable(
                f"{source}: only {self._bytes} bytes in {seconds:.0f} s"
            )
        self._since, self._bytes = now, 0


def _require_zip_start(
    piece: bytes, offset: int, reply: HTTPResponse, source: str
) -> None:
    """See that the first bytes are those of a zip, however few come at once."""
    if not piece.startswith(_ZIP_START[offset : offset + len(piece)]):
        raise ServiceUnavailable(
            f"{source}: expected a zip, found {reply.headers.get_content_type()} "
            f"that starts with {piece[:60]!r}"
        )


def _validator(reply: HTTPResponse) -> tuple[str, str] | None:
    """What tells one version of a body from another: a strong ETag, or a date."""
    etag = reply.headers.get("ETag", "")
    if etag and not etag.startswith("W/"):
        return "ETag", etag
    date = reply.headers.get("Last-Modified", "")
    return ("Last-Modified", date) if date else None
