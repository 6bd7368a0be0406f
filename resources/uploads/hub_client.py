"""The HTTP client that ``huggingface_hub`` uses, bounded in time, size and place.

By itself the library waits for ever, unpacks whatever comes, and sends the token to
whatever address an answer names as its next page.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import huggingface_hub

from ben_assets.bigearthnet.errors import AccessRefused, ServiceUnavailable
from resources.transfers.transport import BODY_LIMIT


class BoundedClient:
    """What the library sends by, from now on."""

    def __init__(self, home: str, stall_seconds: float) -> None:
        """Nothing is sent yet.

        Args:
            home: address of the Hub; the token goes nowhere else.
            stall_seconds: longest wait for a connection, and for each piece of an
                answer.
        """
        self._home = httpx2.URL(home)
        self._timeouts = httpx2.Timeout(stall_seconds).as_dict()
        self._is_over = threading.Event()
        hooks: dict[str, list[Callable[..., Any]]]
        hooks = {"request": [self._before], "response": [_bound]}
        huggingface_hub.set_client_factory(
            lambda: httpx2.Client(event_hooks=hooks, follow_redirects=True)
        )

    @contextmanager
    def ended_after(self, seconds: float) -> Iterator[None]:
        """Close connections where the block takes longer, and let it send no more.

        Raises:
            ServiceUnavailable: in place of what is raised then.
        """
        self._is_over.clear()
        timer = threading.Timer(max(0.0, seconds), self._end)
        timer.daemon = True
        timer.start()
        try:
            yield
        except Exception:
            self._require_time()
            raise
        finally:
            timer.cancel()

    def _end(self) -> None:
        self._is_over.set()
        huggingface_hub.close_session()

    def _require_time(self) -> None:
        if self._is_over.is_set():
            raise ServiceUnavailable(
                "Hugging Face: not complete in the time allowed"
            ) from None

    def _before(self, request: httpx2.Request) -> None:
        """Bound a request; refuse one that takes the token to another host.

        Raises:
            AccessRefused: an answer of the Hub sent us there.
            ServiceUnavailable: the time is over.
        """
        self._require_time()
        request.extensions["timeout"] = self._timeouts
        request.headers["Accept-Encoding"] = "identity"
        if "Authorization" in request.headers and not self._is_home(request.url):
            raise AccessRefused(
                f"{request.url.scheme}://{request.url.host} is refused: the Hub sent "
                f"us to a host that is not to see the token; expected {self._home}; "
                "check HF_ENDPOINT"
            )

    def _is_home(self, url: httpx2.URL) -> bool:
        """Whether scheme, host and port are those of the Hub."""
        own = self._home
        return (url.scheme, url.host, url.port) == (own.scheme, own.host, own.port)


def _bound(response: httpx2.Response) -> None:
    """Refuse what is packed though not asked for, and what is too large.

    Raises:
        httpx2.DecodingError: a packed answer, whose size nobody knows.
    """
    if packed := response.headers.get("Content-Encoding", "").replace("identity", ""):
        raise httpx2.DecodingError(f"an answer packed by {packed} was not asked for")
    assert isinstance(response.stream, httpx2.SyncByteStream)
    response.stream = _BoundedStream(response.stream)


class _BoundedStream(httpx2.SyncByteStream):
    """A body up to the limit."""

    def __init__(self, stream: httpx2.SyncByteStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for piece in self._stream:
            size += len(piece)
            if size > BODY_LIMIT:
                raise httpx2.RemoteProtocolError(
                    f"an answer of more than {BODY_LIMIT} bytes"
                )
            yield piece

    def close(self) -> None:
        self._stream.close()
