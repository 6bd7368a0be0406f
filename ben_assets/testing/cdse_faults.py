"""What can be wrong with an answer of CDSE: the faults that the loopback server plays.

Belongs here: faults, their script and their dice. Not here: the right answers.
"""

from __future__ import annotations

import json
import random
import threading
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class Fault:
    """How one answer deviates from the right one."""

    status: int | None = None
    """Answer with this status and ``body`` instead."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """More or other headers."""
    body: bytes | None = None
    """Instead of the content, with status 200 unless given."""
    reset_after: int | None = None
    """Reset the connection after so many bytes of the content."""
    close_after: int | None = None
    """End the content after so many bytes; the stated length stays."""
    stall_after: int | None = None
    """Fall silent after so many bytes, until the client goes away."""
    bytes_per_second: int | None = None
    """Send so slowly, from the start."""
    without_length: bool = False
    """No Content-Length: the end of the connection ends the content."""
    extra: bytes = b""
    """More bytes after the content, counted in the stated length."""
    flip_at: int | None = None
    """Change the byte at this offset."""
    range_shift: int = 0
    """State another start in Content-Range than asked for."""
    total_shift: int = 0
    """State another total in Content-Range."""
    ignore_range: bool = False
    """Answer 200 with all to a Range request."""
    expire_token: bool = False
    """Let the token of the request expire before it is looked at."""


def _error(status: int, code: str, message: str, **headers: str) -> Fault:
    body = {"trace-id": "0" * 32, "code": code, "message": message}
    kind = {"Content-Type": "application/json"}
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault(status=status, headers=kind | more, body=json.dumps(body).encode())


_HTML: Final = b"<html><body>Service maintenance, please come back</body></html>"
NAMED: Final[dict[str, Fault]] = {
    "reset": Fault(reset_after=3000),
    "stall": Fault(stall_after=2000),
    "drip": Fault(bytes_per_second=1),
    "short": Fault(close_after=2500),
    "short without length": Fault(close_after=2500, without_length=True),
    "html": Fault(headers={"Content-Type": "text/html"}, body=_HTML),
    "json": Fault(headers={"Content-Type": "application/json"}, body=b'{"detail":""}'),
    "empty": Fault(body=b""),
    "429": _error(429, "DAT-ZIP-100", "Max session number exceeded"),
    "500": Fault(status=500, body=b"Internal Server Error"),
    "503": Fault(status=503, body=_HTML, headers={"Content-Type": "text/html"}),
    "404": Fault(status=404, body=b'{"detail":"Product not found in catalogue"}'),
    "422": _error(422, "DAT-ZIP-111", "Malformed uuid"),
    "expired token": Fault(expire_token=True),
}
"""Faults by name; sizes are small so that they hit small products too."""
TRANSIENT: Final = (
    "reset",
    "stall",
    "short",
    "short without length",
    "html",
    "429",
    "503",
    "expired token",
)
"""Those that a patient client survives, for dice."""


class Script:
    """Which fault the next answer of a route gets: from a list, else by dice."""

    def __init__(self) -> None:
        """Without faults."""
        self._lock = threading.Lock()
        self._listed: dict[str, deque[Fault]] = defaultdict(deque)
        self._dice = random.Random(0)
        self._probability = 0.0
        self._names: tuple[str, ...] = TRANSIENT
        self.usual = Fault()
        """What the answers get that no fault is meant for."""

    def add(self, route: str, *faults: Fault | str, times: int = 1) -> None:
        """Have the next answers of a route deviate, in this order."""
        for fault in faults * times:
            known = NAMED[fault] if isinstance(fault, str) else fault
            self._listed[route].append(known)

    def clear(self) -> None:
        """No more faults."""
        with self._lock:
            self._listed.clear()
            self._probability = 0

    def roll(
        self, probability: float, seed: int, names: tuple[str, ...] = TRANSIENT
    ) -> None:
        """From now on let any answer deviate with this probability."""
        self._dice = random.Random(seed)
        self._probability, self._names = probability, names

    def next(self, route: str) -> Fault:
        """The fault of this answer; one without any effect as a rule."""
        with self._lock:
            if self._listed[route]:
                return self._listed[route].popleft()
            if self._dice.random() < self._probability:
                return NAMED[self._dice.choice(self._names)]
        return self.usual
