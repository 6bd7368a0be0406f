"""Parts of one object of a bucket, read where they lie."""

from __future__ import annotations

import threading

from ben_assets.bigearthnet.errors import ChangedUpstream, ServiceUnavailable
from resources.transfers.bucket import Bucket, StoredObject
from resources.transfers.retrier import Retrier
from resources.transfers.transport import connection_errors


class RangeReader:
    """Reads ranges of an object, and counts them; threads may share it."""

    def __init__(self, bucket: Bucket, stored: StoredObject, attempts: Retrier) -> None:
        """Nothing is read yet."""
        self.source = bucket.address(stored.key)
        self.size = stored.size
        self.n_bytes = 0
        self.n_requests = 0
        self._bucket = bucket
        self._stored = stored
        self._attempts = attempts
        self._counted = threading.Lock()

    def __call__(self, start: int, length: int) -> bytes:
        """The bytes from ``start`` on, all ``length`` of them.

        Raises:
            ChangedUpstream: the object is not the one that was listed.
            ServiceUnavailable: no such part of it; after the attempts gave up.
            BenError: see :meth:`Transport.open`.
        """
        content = self._attempts.run(lambda: self._read(start, length))
        with self._counted:
            self.n_bytes += length
            self.n_requests += 1
        return content

    def _read(self, start: int, length: int) -> bytes:
        headers = {"Range": f"bytes={start}-{start + length - 1}"}
        with (
            self._bucket.open(self._stored.key, headers) as reply,
            connection_errors(self.source),
        ):
            etag = self._stored.etag
            if etag and reply.headers.get("ETag", etag) != etag:
                raise ChangedUpstream(
                    f"{self.source}: changed since it was listed: expected the version "
                    f"{etag}, found {reply.headers['ETag']}; try again"
                )
            place = f"bytes {start}-{start + length - 1}/{self.size}"
            found = reply.headers.get("Content-Range", f"HTTP {reply.status}")
            content = reply.read(length) if found == place else b""
        if len(content) != length:
            raise ServiceUnavailable(
                f"{self.source}: expected {place}, found {found}, {len(content)} bytes"
            )
        return content
