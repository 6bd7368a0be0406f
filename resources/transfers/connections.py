"""HTTP connections whose answers begin in a bounded time.

The time-out of a socket starts again with each byte, so a server that says "100
Continue" for ever, or drips its headers, would never be given up.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import urllib.request
from collections.abc import Iterator
from typing import Final

_STALLS: Final = 4
"""The head of an answer may take this many times the time-out of the socket."""


class _Response(http.client.HTTPResponse):
    def __init__(
        self,
        sock: socket.socket,
        debuglevel: int = 0,
        method: str | None = None,
        url: str | None = None,
    ) -> None:
        self._connection = sock
        super().__init__(sock, debuglevel, method, url)

    def begin(self) -> None:
        seconds = _STALLS * (self._connection.gettimeout() or 0)
        with _shut_after(self._connection, seconds):
            super().begin()


@contextlib.contextmanager
def _shut_after(connection: socket.socket, seconds: float) -> Iterator[None]:
    """End what the block reads from a connection after so many seconds; 0 for never.

    Raises:
        TimeoutError: the time was over.
    """
    is_over = threading.Event()

    def shut() -> None:
        is_over.set()
        with contextlib.suppress(OSError):  # closed by the server meanwhile
            socket.socket.shutdown(connection, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, shut)
    timer.daemon = True
    if seconds:
        timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException):
        if not is_over.is_set():
            raise
    finally:
        timer.cancel()
    if is_over.is_set():
        raise TimeoutError(f"the head of the answer did not end in {seconds:.0f} s")


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
