"""Downloads products: by HTTP with a token, or by S3, where files are packed here.

Belongs here: one connection after the other until the body is complete; what a refusal
means. Not here: the body itself (``transfer``), the tree of files (``product_tree``),
whether it is right (``delivery``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.errors import (
    AccessRefused,
    BenError,
    ProductGone,
    QuotaExceeded,
    ServiceUnavailable,
)
from resources.cdse.access import Access, S3Keys
from resources.cdse.session import Session
from resources.data_root.facts import CatalogueEntry
from resources.data_root.files import local_errors
from resources.transfers.bucket import Bucket, ListingPage
from resources.transfers.delivery import Delivered, Digests
from resources.transfers.product_tree import TreeDownload
from resources.transfers.retrier import Limiter, Retrier
from resources.transfers.transfer import Place, Transfer
from resources.transfers.transport import (
    Request,
    Transport,
    Unauthorized,
    shown,
)


@dataclass(frozen=True)
class Route:
    """What both ways to a product share: one download of it."""

    access: Access
    """Addresses, account and keys."""
    transport: Transport
    """Opens connections."""
    limiter: Limiter
    """Connections that all downloads of the account share."""
    path: Path
    """The zip to make (made anew)."""
    attempts: Retrier
    """Decides when to try again."""
    on_bytes: Callable[[int], None]
    """Takes the bytes so far."""


@dataclass(frozen=True)
class HttpDownload(Route):
    """Downloads a product by its id."""

    session: Session
    """Gives tokens."""

    def fetch(self, entry: CatalogueEntry) -> Delivered:
        """Write the product's zip to ``path``.

        Raises:
            AccessRefused, ProductGone, QuotaExceeded, ServiceUnavailable: see
                :class:`Transport`; the last two after ``attempts`` gave up.
            LocalResourceError: the disk refuses.
        """
        url = f"{self.access.download_url}/Products({entry.id})/$value"
        transfer = Transfer(
            Place(self.path),
            self.attempts,
            self.on_bytes,
            lambda: Digests(entry.checksums),
        )
        authority = _Authority(self.session)
        with local_errors(self.path):
            while True:
                with transfer.attempt(self.limiter) as headers:
                    request = Request(url, headers, authority.token())
                    with authority.watch(), self.transport.open(request) as reply:
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


BUCKET: Final = "eodata"
REGION: Final = "default"


class S3Download(Route):
    """Fetches a product by its path in the ``eodata`` bucket."""

    def fetch(self, entry: CatalogueEntry) -> Delivered:
        """Write the zip of all the product's files to ``path``.

        Raises:
            ProductGone: there are no files at the product's path.
            AccessRefused: the keys are refused.
            BenError: see :meth:`TreeDownload.fetch`.
        """
        if self.access.s3_keys is None:
            raise AccessRefused("set CDSE_S3_ACCESS_KEY and CDSE_S3_SECRET_KEY")
        url = f"{self.access.s3_url}/{BUCKET}"
        bucket = SignedBucket(url, self.transport, self.access.s3_keys)
        prefix = entry.s3_path.removeprefix(f"/{BUCKET}/").strip("/") + "/"
        download = TreeDownload(
            bucket, self.path, self.attempts, self.on_bytes, self.limiter
        )
        try:
            return download.fetch(entry.name, prefix)
        except ProductGone as error:
            raise ProductGone(f"{error} by S3; materialize tile_ids again") from None


class SignedBucket(Bucket):
    """A bucket that wants each request signed (AWS Signature Version 4)."""

    def __init__(self, url: str, transport: Transport, keys: S3Keys) -> None:
        """``keys`` sign; they are never sent."""
        super().__init__(url, transport)
        self._keys = keys

    @contextlib.contextmanager
    def open(self, key: str, headers: dict[str, str]) -> Iterator[HTTPResponse]:
        """The answer that holds an object.

        Raises:
            AccessRefused: the keys are refused.
            QuotaExceeded: too many requests.
        """
        with _refusals(), super().open(key, headers) as reply:
            yield reply

    def _page(self, prefix: str, token: str) -> ListingPage:
        with _refusals():
            return super()._page(prefix, token)

    def _signed(self, url: str) -> Request:
        # here: a process that downloads by HTTP shall not wait for it
        from botocore.auth import S3SigV4Auth  # type: ignore[import-untyped]
        from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
        from botocore.credentials import Credentials  # type: ignore[import-untyped]

        request = AWSRequest(method="GET", url=url)
        keys = Credentials(self._keys.access_key, self._keys.secret_key)
        S3SigV4Auth(keys, "s3", REGION).add_auth(request)
        return Request(url, dict(request.headers.items()))


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """Say what a refusal means by S3."""
    try:
        yield
    except Unauthorized as error:
        raise AccessRefused(
            f"{error}; check CDSE_S3_ACCESS_KEY and CDSE_S3_SECRET_KEY (keys expire)"
        ) from None
    except QuotaExceeded:
        raise
    except ServiceUnavailable as error:
        if "SlowDown" not in str(error):
            raise
        raise QuotaExceeded(str(error), error.retry_after) from None
