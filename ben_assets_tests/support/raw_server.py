"""A server that sends any bytes, as no HTTP library would: for broken answers."""

from __future__ import annotations

import re
import socketserver
from collections.abc import Callable, Iterable

from ben_assets.testing.loopback import LoopbackServer

Answer = Callable[[bytes], Iterable[bytes]]
"""What is sent piece by piece, by the head of the request."""


def reply(status: str = "200 OK", body: bytes = b"", *headers: str) -> bytes:
    """An answer of HTTP; its length is stated unless a header says otherwise."""
    lines = [f"HTTP/1.1 {status}", "Connection: close", *headers]
    if not any(h.lower().startswith(("content-length", "transfer")) for h in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8") + body


class RawServer(LoopbackServer):
    """Answers each request on loopback while its ``with`` block runs."""

    def __init__(self, answer: Answer) -> None:
        """``answer`` may be replaced between requests."""
        self.answer = answer
        handler = type("Handler", (_Handler,), {"raw": self})
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        self.hosts = [server]
        self.url = self.address


class _Handler(socketserver.StreamRequestHandler):
    raw: RawServer

    def handle(self) -> None:
        try:
            head = b"".join(iter(self.rfile.readline, b"\r\n"))
            length = re.search(rb"(?i)content-length: (\d+)", head)
            self.rfile.read(int(length[1]) if length else 0)
            for piece in self.raw.answer(head):
                self.wfile.write(piece)
        except OSError:
            pass  # the client had enough of it
