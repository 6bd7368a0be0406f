"""Rules for requests that carry no secret: public buckets and pinned files.

Belongs here: where such a request may go. Not here: the request itself.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from ben_assets.bigearthnet.errors import AccessRefused
from resources.redaction import redacted
from resources.transfers.timeouts import Timeouts


@dataclass(frozen=True)
class PublicAccess:
    """Where a request without a secret may go, redirects included."""

    home: str
    """The address asked first; a home on this machine keeps all on this machine."""
    timeouts: Timeouts = field(default_factory=Timeouts)
    """How long to wait for what."""
    any_host: bool = False
    """Whether redirects may lead to any host by https, as where a digest decides."""

    def require_allowed(self, url: str) -> None:
        """Refuse an address that a request must not go to.

        Raises:
            AccessRefused: another host or scheme than allowed, or no address at all.
        """
        parts, home = _split(url), _split(self.home)
        host = parts.hostname or ""
        is_local = is_loopback(host)
        is_fit = parts.scheme == "https" or (parts.scheme == "http" and is_local)
        is_there = is_local == is_loopback(home.hostname or "")
        is_home = (host, parts.port) == (home.hostname, home.port)
        if not (is_fit and is_there and (is_home or self.any_host)):
            place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
            raise AccessRefused(
                f"{place} is refused: expected https and, from "
                f"{home.netloc.rpartition('@')[2]}, "
                f"{'any public host' if self.any_host else 'no other host'}; check "
                "the address in the settings, or report the redirect to its owner"
            )

    def without_secrets(self, text: str, *more: str | None) -> str:
        """``text`` with ``more`` redacted; to the service itself none is sent."""
        return redacted(text, more)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise AccessRefused(
            f"{url!r} is not an address: {error}; check the address in the settings, "
            "or report the redirect to its owner"
        ) from None
    return parts
