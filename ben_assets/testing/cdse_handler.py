"""What all hosts of the loopback CDSE have in common; see ``cdse_server``."""

from __future__ import annotations

import contextlib
import fcntl
import http.server
import json
import re
import select
import socket
import struct
import termios
import time
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from ben_assets.testing.cdse_faults import Fault
from ben_assets.testing.cdse_state import CdseState

PRODUCT: Final = re.compile(r"/odata/v1/Products\(([^)]*)\)(/\$value)?")
"""Path of one product, or of its content."""


class Handler(http.server.BaseHTTPRequestHandler):
    """What all hosts have in common: counting, faults, sending."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    role = ""

    @property
    def cdse(self) -> CdseState:
        """What all hosts share."""
        return self.server.cdse  # type: ignore[attr-defined,no-any-return]

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401
        """Keep quiet."""

    def do_GET(self) -> None:
        """Count, then answer."""
        parts = urlsplit(self.path)
        seen = self.cdse.seen
        with self.cdse.lock:
            seen.paths.append(self.path)
            if "Authorization" in self.headers:
                seen.authorizations[self.role].add(self.headers["Authorization"])
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        with contextlib.suppress(ConnectionError):
            self.answer(unquote(parts.path), query)

    def answer(self, path: str, query: dict[str, str]) -> None:
        """Answer a GET."""
        raise NotImplementedError

    def fault(self, route: str) -> Fault:
        """The fault to play, after counting the request."""
        with self.cdse.lock:
            self.cdse.seen.requests[route] += 1
        return self.cdse.script.next(route)

    def is_corrupt(self, fault: Fault) -> bool:
        """Play a fault that concerns small answers too; True if that was the answer."""
        if fault.body is not None:
            self.send(fault.status or 200, fault.body, **fault.headers)
        elif fault.reset_after is not None or fault.close_after is not None:
            self.reset()
        elif fault.stall_after is not None:
            self.wait_for_client()
        else:
            return False
        return True

    def send(self, status: int, body: bytes, **headers: str) -> None:
        """Send a small answer."""
        self.send_response_only(status)
        headers.setdefault("Date", self.date_time_string())
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_json(self, content: dict[str, Any], status: int = 200) -> None:
        """Send JSON."""
        kind = {"Content-Type": "application/json;odata.metadata=minimal"}
        self.send(status, json.dumps(content).encode(), **kind)

    def reset(self) -> None:
        """Break the connection off with RST, once all that was sent has arrived."""
        self.close_connection = True
        for _ in range(1000):
            queued = fcntl.ioctl(self.connection, termios.TIOCOUTQ, b"\0" * 4)
            if not struct.unpack("i", queued)[0]:
                break
            time.sleep(0.002)
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()

    def wait_for_client(self, seconds: float = 300) -> None:
        """Say nothing until the client goes away."""
        self.close_connection = True
        select.select([self.connection], [], [], seconds)
