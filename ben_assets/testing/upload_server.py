"""What the loopback stand-ins of upload services share: answers, tokens, faults.

Belongs here: HTTP. Not here: the services' interfaces (``hub_server``,
``zenodo_server``), made after their public documentation.
"""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from ben_assets.testing.loopback import Host, LoopbackServer

TOKEN: Final = "Zq7Kx9Jw4Tp2Hy6Uf8Rb3Vn5"
_BLOCK: Final = 1 << 16


class UploadServer(LoopbackServer):
    """Answers while its ``with`` block runs; tests change its fields."""

    handler: type[UploadHandler]
    """Answers one request."""

    def __init__(self) -> None:
        """Nothing is there yet."""
        self.tokens = {TOKEN}
        self.received: list[str] = []
        """What arrived whole, in order."""
        self.cuts = 0
        """So many uploads end with 503 after 90 % of their bytes."""
        self.wrong: set[str] = set()
        """Files whose digest is stated wrongly."""
        self.during_upload: Callable[[int], None] = lambda number: None
        """Called in the middle of each upload, with the number received before."""
        self.lock = threading.Lock()
        self.hosts = (_Host(self),)

    @property
    def url(self) -> str:
        """Its address."""
        return self.address


class UploadHandler(http.server.BaseHTTPRequestHandler):
    """One request: who asks, what is sent, and the answer in JSON."""

    protocol_version = "HTTP/1.1"
    server: _Host

    def answer(self, method: str, path: str, query: dict[str, str]) -> None:
        """Answer a request by ``send``."""
        raise NotImplementedError

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401
        """Keep quiet."""

    def send(self, content: object, status: int = 200, **headers: str) -> None:
        """Send an answer."""
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self) -> bytes:
        """What was sent, in one piece."""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def upload(self, name: str) -> bytes | None:
        """A file that is sent; None if it was cut, which is answered here."""
        host = self.server.service
        size = int(self.headers["Content-Length"])
        content = bytearray()
        while len(content) < size * 9 // 10:
            content += self.rfile.read(min(_BLOCK, size * 9 // 10 - len(content)))
        host.during_upload(len(host.received))
        with host.lock:
            is_cut, host.cuts = host.cuts > 0, max(0, host.cuts - 1)
        if is_cut:
            self.close_connection = True
            self.send({"message": "too busy"}, 503)
            return None
        content += self.rfile.read(size - len(content))
        with host.lock:
            host.received.append(name)
        return bytes(content)

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        sent = self.headers.get("Authorization", "")
        is_known = sent.removeprefix("Bearer ") in self.server.service.tokens
        if not is_known and not parts.path.startswith("/store/"):
            self.close_connection = True
            words = f"Invalid credentials in Authorization header {sent}"
            self.send({"error": words, "message": words}, 401)
            return
        self.answer(self.command, unquote(parts.path), dict(parse_qsl(parts.query)))

    do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815


class _Host(Host):
    def __init__(self, service: UploadServer) -> None:
        self.service = service
        super().__init__(service.handler)
