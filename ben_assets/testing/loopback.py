"""Servers on loopback: hosts that answer in threads while a ``with`` block runs.

Belongs here: starting and stopping. Not here: what a service answers.
"""

from __future__ import annotations

import http.server
import socketserver
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self


class Host(http.server.ThreadingHTTPServer):
    """One host on a free port."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, handler: type[http.server.BaseHTTPRequestHandler]) -> None:
        """Take the port; nothing is answered yet."""
        super().__init__(("127.0.0.1", 0), handler)

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """A client that goes away is no news here."""


class LoopbackServer:
    """Answers while its ``with`` block runs."""

    hosts: Sequence[socketserver.TCPServer]
    """What is started and stopped."""

    @property
    def address(self) -> str:
        """Of the first host, without a path."""
        return f"http://127.0.0.1:{self.hosts[0].server_address[1]}"

    def __enter__(self) -> Self:
        """Start to answer."""
        for host in self.hosts:
            threading.Thread(target=host.serve_forever, args=(0.01,)).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        for host in self.hosts:
            host.shutdown()
            host.server_close()
