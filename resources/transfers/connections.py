"""HTTP connections on which nothing that is read takes for ever.

The time-out of a socket starts again with each byte, so a server that says "100
Continue" for ever, or drips headers, lengths of chunks, trailers or the words of a
refusal, would never be given up.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
import urllib.request
from typing import Any, Final

STALLS: Final = 4
"""What is asked of an answer may take this many times the time-out of the socket."""


class _InTime(io.RawIOBase):
    """The bytes of a socket until the time is over."""

    def __init__(self, raw: io.RawIOBase, seconds: float) -> None:
        self._raw = raw
        self._seconds = seconds
        self.start()

    def start(self) -> None:
        """Let the time begin anew."""
        self._end = time.monotonic() + self._seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:  # noqa: ANN401  as the base says
        if self._seconds and time.monotonic() > self._end:
            raise TimeoutError(f"the answer did not come in {self._seconds:g} s")
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """An answer of which each part that is asked for comes in time, or not at all."""

    def __init__(
        self,
        sock: socket.socket,
        debuglevel: int = 0,
        method: str | None = None,
        url: str | None = None,
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        raw = self.fp.detach()
        self._in_time = _InTime(raw, STALLS * (sock.gettimeout() or 0))
        self.fp = io.BufferedReader(self._in_time)

    def begin(self) -> None:
        """Read the head; ``TimeoutError`` where it does not end."""
        self._in_time.start()
        super().begin()

    def read(self, amt: int | None = None) -> bytes:
        """Read the body, or so much of it; ``TimeoutError`` where that does not end."""
        self._in_time.start()
        return super().read(amt)

    def read1(self, n: int = -1) -> bytes:
        """Read what is there; ``TimeoutError`` where no piece of the body comes."""
        self._in_time.start()
        return super().read1(n)


class _Connection(http.client.HTTPConnection):
    response_class = _Response


class _SecureConnection(http.client.HTTPSConnection):
    response_class = _Response


class BoundedHTTPHandler(urllib.request.HTTPHandler):
    """Of http addresses."""

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """The answer, its head read in time; see ``TimeoutError`` of sockets."""
        return self.do_open(_Connection, req)


class BoundedHTTPSHandler(urllib.request.HTTPSHandler):
    """Of https addresses."""

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """The answer, its head read in time; see ``TimeoutError`` of sockets."""
        return self.do_open(_SecureConnection, req)
