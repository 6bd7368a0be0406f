"""One body on its way into a file: what is there, and what it is a part of.

Belongs here: resuming, starting over, pace, size, first bytes. Not here: tokens and
connections (``download``). A part is kept for the next try only where the service
verifies, by 206, Content-Range and an unchanged validator, that it goes on where we
stopped, or where a digest has the last word.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPResponse
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar

from ben_assets.bigearthnet.errors import (
    BenError,
    ChangedUpstream,
    CorruptProduct,
    ServiceUnavailable,
)
from ben_assets.safe.zip_safety import LOCAL_HEADER, MAX_PRODUCT_BYTES
from resources.data_root.files import local_errors
from resources.transfers.retrier import Limiter, Retrier
from resources.transfers.transport import RequestRefused, connection_errors

_PIECE: Final = 1 << 19
_PROGRESS: Final = 1 << 20
"""Bytes further than ever before that count as progress."""
_LENGTH: Final = re.compile(r"[0-9]{1,18}")
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")


class Digest(Protocol):
    """Takes the bytes of a body in order."""

    def update(self, content: bytes, /) -> object:
        """Take the next bytes."""
        ...


D = TypeVar("D", bound=Digest)


class NoDigest:
    """For bodies whose digest is taken from the file afterwards."""

    def update(self, content: bytes, /) -> None:
        """Forget the bytes."""


@dataclass(frozen=True)
class Expected:
    """What is known of a body before it comes."""

    what: str = "a file"
    """What it is, for messages."""
    size: int | None = None
    """Its bytes, where they are known."""
    most_bytes: int = MAX_PRODUCT_BYTES
    """Where they are not: a longer one is refused."""
    start: bytes = b""
    """Its first bytes."""
    etag: str | None = None
    """Its version by a listing; another one is refused."""
    digest_decides: bool = False
    """Whether a digest is compared at the end, so that any part may be continued."""


A_ZIP: Final = Expected("a zip", start=LOCAL_HEADER)


@dataclass(frozen=True)
class Place:
    """Where a body goes."""

    path: Path
    """The file."""
    at: int = 0
    """Byte of the file where the body starts; what lies around it is not touched."""
    have: int = 0
    """Bytes of the body that an earlier process left there."""

    @property
    def is_whole_file(self) -> bool:
        """Whether the file holds nothing but the body."""
        return self.at == 0


class Transfer(Generic[D]):
    """The file, how much of it is there, and what that is a part of."""

    def __init__(
        self,
        place: Place,
        attempts: Retrier,
        on_bytes: Callable[[int], None],
        new_digest: Callable[[], D],
        expected: Expected = A_ZIP,
    ) -> None:
        """Nothing was asked for yet; ``on_bytes`` gets the size so far."""
        self._place = place
        self._attempts = attempts
        self._on_bytes = on_bytes
        self._new_digest = new_digest
        self._expected = expected
        self.digest = new_digest()
        self.size = self._furthest = place.have
        self._total = expected.size
        self._validator: tuple[str, str] | None = None

    @contextlib.contextmanager
    def attempt(self, limiter: Limiter | None = None) -> Iterator[dict[str, str]]:
        """One try, in a loop that success leaves; gives headers that ask for the rest.

        Args:
            limiter: connections that an account shares, where there is one.

        Raises:
            BenError: of the block, where no further try helps.
        """
        with self._attempts.attempt(), self._attempts.connection(limiter):
            try:
                yield self._resume_headers()
            except RequestRefused as error:
                self._range_refused(error)
            except BenError:
                self._count_progress()
                raise

    def _resume_headers(self) -> dict[str, str]:
        """Ask for the rest where that can be verified, else for all."""
        if not self.size or (self._total is None and not self._expected.digest_decides):
            return {}
        headers = {"Range": f"bytes={self.size}-"}
        if self._validator is not None:
            return {**headers, "If-Range": self._validator[1]}
        return headers if self._expected.digest_decides else {}

    def receive(self, reply: HTTPResponse, source: str) -> None:
        """Append or start over, until the body ends.

        Raises:
            ServiceUnavailable: cut short, stalled, a page instead of a file.
            ChangedUpstream: another size or version than expected.
            CorruptProduct: longer than expected.
        """
        self._require_expected(reply, source)
        if reply.status == 206:
            self._require_continuation(reply, source)
        else:
            self._start_over()
            length = reply.headers.get("Content-Length", "")
            self._total = (
                int(length) if _LENGTH.fullmatch(length) else self._expected.size
            )
            self._validator = _validator(reply)
        with local_errors(self._place.path):
            file = self._place.path.open("r+b", buffering=0)
        with file, connection_errors(source):
            file.seek(self._place.at + self.size)
            pace = Pace(self._attempts)
            # read1 gives what is there; a full read would wait for the rest of a
            # piece, and lose what it has when the connection breaks.
            while piece := reply.read1(_PIECE):
                self._require_fit(piece, reply, source)
                rest = memoryview(piece)
                with local_errors(self._place.path):
                    while rest:
                        rest = rest[file.write(rest) :]
                self.size += len(piece)
                self.digest.update(piece)
                self._on_bytes(self.size)
                pace.require(len(piece), source)
        if self.size == 0 and self._expected.size != 0:
            what = self._expected.what
            raise ServiceUnavailable(f"{source}: an empty body instead of {what}")
        if self._total is not None and self.size != self._total:
            raise ServiceUnavailable(
                f"{source}: the body ended after {self.size} of {self._total} bytes"
            )

    def _range_refused(self, error: RequestRefused) -> None:
        """Start over where the refusal concerns the part asked for.

        Raises:
            RequestRefused: all was asked for.
            ServiceUnavailable: try again.
        """
        if not self._resume_headers():
            raise error
        self._start_over()
        raise ServiceUnavailable(f"{error}; starting over")

    def _count_progress(self) -> None:
        """A try that won enough ends the count of failures in a row."""
        if self.size >= self._furthest + _PROGRESS:
            self._furthest = self.size
            self._attempts.progressed()

    def _require_fit(self, piece: bytes, reply: HTTPResponse, source: str) -> None:
        """See that there are not too many bytes, and that the first ones are right."""
        size, most = self._expected.size, self._expected.most_bytes
        most = most if size is None else size
        if self.size + len(piece) > most:
            raise CorruptProduct(f"{source}: more than the expected {most} bytes")
        start = self._expected.start
        if not piece.startswith(start[self.size : self.size + len(piece)]):
            raise ServiceUnavailable(
                f"{source}: expected {self._expected.what}, found "
                f"{reply.headers.get_content_type()} that starts with {piece[:60]!r}"
            )

    def _require_expected(self, reply: HTTPResponse, source: str) -> None:
        """See that the headers are those of the body that is expected."""
        kind, expected = reply.headers.get_content_type(), self._expected
        length = reply.headers.get("Content-Length", "")
        if kind == "text/html" and not expected.start:
            raise ServiceUnavailable(
                f"{source}: expected a file, found a page ({kind})"
            )
        if expected.etag and reply.headers.get("ETag", expected.etag) != expected.etag:
            raise ChangedUpstream(
                f"{source}: changed since it was listed: expected the version "
                f"{expected.etag}, found {reply.headers['ETag']}"
            )
        is_all = reply.status == 200 and _LENGTH.fullmatch(length)
        if is_all and expected.size not in (None, int(length)):
            raise ChangedUpstream(
                f"{source}: expected {expected.size} bytes, found {int(length)}"
            )

    def _require_continuation(self, reply: HTTPResponse, source: str) -> None:
        found = _CONTENT_RANGE.fullmatch(reply.headers.get("Content-Range", ""))
        start, _, total = map(int, found.groups()) if found else (-1, -1, -1)
        is_same = self._validator in (None, _validator(reply))
        if start == self.size and is_same and self._total in (None, total):
            self._total = total
            return
        expected = f"bytes {self.size}- of {self._total}"
        self._start_over()
        raise ServiceUnavailable(
            f"{source}: expected {expected} of the same version, found "
            f"{reply.headers.get('Content-Range')!r}; starting over"
        )

    def _start_over(self) -> None:
        self.digest = self._new_digest()
        self.size = 0
        self._total, self._validator = self._expected.size, None
        if self._place.is_whole_file:
            with local_errors(self._place.path):
                self._place.path.write_bytes(b"")


@dataclass
class Pace:
    """Notices a transfer that goes on, but not at a useful speed."""

    attempts: Retrier
    since: float = field(default_factory=time.monotonic)
    bytes: int = 0

    def require(self, n: int, source: str) -> None:
        """Count ``n`` more bytes.

        Raises:
            ServiceUnavailable: too slow, or out of time.
        """
        now = time.monotonic()
        self.bytes += n
        if self.attempts.seconds_left < 0:
            raise ServiceUnavailable(f"{source}: not complete in the time allowed")
        timeouts, seconds = self.attempts.timeouts, now - self.since
        if seconds < timeouts.stall_seconds:
            return
        if self.bytes < timeouts.min_bytes_per_second * seconds:
            raise ServiceUnavailable(
                f"{source}: only {self.bytes} bytes in {seconds:.0f} s"
            )
        self.since, self.bytes = now, 0


def _validator(reply: HTTPResponse) -> tuple[str, str] | None:
    """What tells one version of a body from another: a strong ETag, or a date."""
    etag = reply.headers.get("ETag", "")
    if etag and not etag.startswith("W/"):
        return "ETag", etag
    date = reply.headers.get("Last-Modified", "")
    return ("Last-Modified", date) if date else None
