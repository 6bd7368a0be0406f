"""The S3 route: a product is a tree of files there; it is packed here into a zip.

Belongs here: signing requests, and what a refusal means. Not here: the tree
(``product_tree``), the bucket's protocol (``bucket``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.errors import (
    AccessRefused,
    ProductGone,
    QuotaExceeded,
    ServiceUnavailable,
)
from resources.cdse.access import Access, S3Keys
from resources.data_root.facts import CatalogueEntry
from resources.transfers.bucket import Bucket, ListingPage
from resources.transfers.limiter import Limiter
from resources.transfers.product_tree import TreeDownload
from resources.transfers.retrier import Retrier
from resources.transfers.transfer import Delivered
from resources.transfers.transport import Request, Transport, Unauthorized

BUCKET: Final = "eodata"
REGION: Final = "default"


class S3Download:
    """Fetches products by their path in the ``eodata`` bucket."""

    def __init__(self, access: Access, transport: Transport, limiter: Limiter) -> None:
        """The keys must be set."""
        self._access = access
        self._transport = transport
        self._limiter = limiter

    def fetch(
        self,
        entry: CatalogueEntry,
        path: Path,
        attempts: Retrier,
        on_bytes: Callable[[int], None],
    ) -> Delivered:
        """Write the zip of all the product's files to ``path``.

        Raises:
            ProductGone: there are no files at the product's path.
            AccessRefused: the keys are refused.
            BenError: see :meth:`TreeDownload.fetch`.
        """
        if self._access.s3_keys is None:
            raise AccessRefused("set CDSE_S3_ACCESS_KEY and CDSE_S3_SECRET_KEY")
        url = f"{self._access.s3_url}/{BUCKET}"
        bucket = SignedBucket(url, self._transport, self._access.s3_keys)
        prefix = entry.s3_path.removeprefix(f"/{BUCKET}/").strip("/") + "/"
        try:
            return TreeDownload(bucket, self._limiter).fetch(
                entry.name, prefix, path, attempts, on_bytes
            )
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
