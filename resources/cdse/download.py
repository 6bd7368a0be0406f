"""Downloads products by HTTP, over broken connections and refused tokens if need be.

Belongs here: one connection after the other until the body is complete. Not here: the
body itself (``transfer``), whether it is right (``delivery``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from ben_assets.bigearthnet.errors import (
    AccessRefused,
    BenError,
    ServiceUnavailable,
)
from resources.cdse.access import Access
from resources.cdse.session import Session
from resources.data_root.facts import CatalogueEntry
from resources.data_root.store import local_errors
from resources.transfers.delivery import Digests
from resources.transfers.limiter import Limiter
from resources.transfers.retrier import Retrier
from resources.transfers.transfer import Delivered, Place, Transfer
from resources.transfers.transport import (
    Request,
    Transport,
    Unauthorized,
    shown,
)


class HttpDownload:
    """Downloads products by their id."""

    def __init__(
        self,
        access: Access,
        transport: Transport,
        session: Session,
        limiter: Limiter,
    ) -> None:
        """All parts are shared with other downloads."""
        self._access = access
        self._transport = transport
        self._session = session
        self._limiter = limiter

    def fetch(
        self,
        entry: CatalogueEntry,
        path: Path,
        attempts: Retrier,
        on_bytes: Callable[[int], None],
    ) -> Delivered:
        """Write the product's zip to ``path`` (made anew).

        Raises:
            AccessRefused, ProductGone, QuotaExceeded, ServiceUnavailable: see
                :class:`Transport`; the last two after ``attempts`` gave up.
            LocalResourceError: the disk refuses.
        """
        url = f"{self._access.download_url}/Products({entry.id})/$value"
        transfer = Transfer(
            Place(path), attempts, on_bytes, lambda: Digests(entry.checksums)
        )
        authority = _Authority(self._session)
        with local_errors(path):
            while True:
                with transfer.attempt(self._limiter) as headers:
                    request = Request(url, headers, authority.token())
                    with authority.watch(), self._transport.open(request) as reply:
                        authority.accepted()
                        transfer.receive(reply, shown(url))
                    return Delivered(transfer.size, transfer.digest.hexdigests())


class _Authority:
    """The token of one download: refresh it when refused, then log in, then stop."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._refused: str | None = None
        self._used = ""
        self._refusals = 0

    def token(self) -> str:
        self._used = self._session.token(self._refused, may_refresh=self._refusals < 3)
        return self._used

    def accepted(self) -> None:
        self._refused, self._refusals = None, 0

    @contextlib.contextmanager
    def watch(self) -> Iterator[None]:
        """Where the token is refused, have the next try use another one.

        Raises:
            AccessRefused: a fresh token was refused as well.
            ServiceUnavailable: try again.
        """
        try:
            yield
        except Unauthorized as error:
            raise self._refusal(error) from error

    def _refusal(self, error: Unauthorized) -> BenError:
        """What a refused token means for the download."""
        self._refused = self._used
        # 1 and 2: refresh, 3: log in, 4: stop. Only "expired" may be said once more of
        # a new token, until all servers of the service know it.
        self._refusals = max(self._refusals + 1, 1 if error.says_expired else 2)
        if self._refusals > 3:
            return AccessRefused(
                f"{error}: a fresh token is refused as well. Log in once on the CDSE "
                "site, see that the account may download, then run the step again"
            )
        return ServiceUnavailable(f"{error}; the token is renewed", retry_after=0)
