"""A bucket by the S3 protocol: its objects listed page by page, and opened.

Belongs here: requests and what a listing says. Not here: which objects make a product
(``product_tree``). Source: ListObjectsV2 of Amazon S3, as Google Cloud Storage and CDSE
answer it; an ETag of 32 hex digits is the MD5 of an object that was put in one piece.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Final
from urllib.parse import quote, urlencode
from xml.etree import ElementTree

from ben_assets.bigearthnet.errors import (
    ChangedUpstream,
    CorruptProduct,
    ServiceUnavailable,
)
from ben_assets.safe.zip_safety import MAX_MEMBERS
from resources.transfers.retrier import Retrier
from resources.transfers.transfer import Pace
from resources.transfers.transport import Request, Transport, connection_errors, shown

_MD5: Final = re.compile(r"[0-9a-f]{32}")
_DIGITS: Final = re.compile(r"[0-9]{1,18}")
_LONGEST_PAGE: Final = 4 << 20
"""Bytes; 1000 objects with the longest keys take some 1.5 MB."""
_LONGEST_RANGE: Final = 1 << 28
"""Bytes; the largest band of a product has some 150 MB."""


@dataclass(frozen=True)
class StoredObject:
    """One object as a listing shows it."""

    key: str
    """Its name in the bucket."""
    size: int
    """Bytes."""
    etag: str
    """Its version with quotes as sent in headers; empty where none is given."""

    @property
    def md5(self) -> str | None:
        """MD5 of its content, where the listing tells it."""
        text = self.etag.strip('"').lower()
        return text if _MD5.fullmatch(text) else None


@dataclass(frozen=True)
class ListingPage:
    """One answer to ListObjectsV2."""

    objects: tuple[StoredObject, ...]
    """In the order given."""
    next_token: str
    """Asks for the next page; empty on the last."""


class Bucket:
    """Lists and opens the objects of one bucket."""

    def __init__(self, url: str, transport: Transport) -> None:
        """``url`` includes the bucket's name; nothing is asked yet."""
        self.url = url.rstrip("/")
        self._transport = transport

    def list(self, prefix: str, attempts: Retrier) -> list[StoredObject]:
        """All objects whose key starts with ``prefix``.

        Raises:
            CorruptProduct: pages that repeat each other, or more objects than any
                product has.
            ServiceUnavailable: no whole listing; after ``attempts`` gave up.
        """
        with self._transport.hiding():
            return list(self._objects(prefix, attempts).values())

    def _objects(self, prefix: str, attempts: Retrier) -> dict[str, StoredObject]:
        """Object by its key."""
        found: dict[str, StoredObject] = {}
        token = ""
        while True:
            page = attempts.run(lambda token=token: self._page(prefix, token))  # type: ignore[misc]
            attempts.progressed()
            for one in page.objects:
                if one.key in found or len(found) > MAX_MEMBERS:
                    raise CorruptProduct(
                        f"{self.url}: the listing of {prefix} does not end: it repeats "
                        f"{one.key} after {len(found)} objects"
                    )
                found[one.key] = one
            if not page.next_token:
                return found
            if not page.objects:
                raise CorruptProduct(
                    f"{self.url}: the listing of {prefix} goes on after an empty page"
                )
            token = page.next_token

    @contextlib.contextmanager
    def open(self, key: str, headers: dict[str, str]) -> Iterator[HTTPResponse]:
        """The answer that holds an object; see :meth:`Transport.open` for failures."""
        signed = self._signed(self.address(key))
        request = Request(signed.url, {**signed.headers, **headers})
        with self._transport.open(request) as reply:
            yield reply

    def address(self, key: str) -> str:
        """URL of an object."""
        return f"{self.url}/{quote(key, safe='/~')}"

    def _signed(self, url: str) -> Request:
        """A request that the bucket accepts; this one asks for no signature."""
        return Request(url)

    def _page(self, prefix: str, token: str) -> ListingPage:
        query = {"list-type": "2", "prefix": prefix}
        if token:
            query["continuation-token"] = token
        url = f"{self.url}?{urlencode(sorted(query.items()), quote_via=quote)}"
        body, kind = self._transport.read(self._signed(url))
        try:
            return parse_listing(body, prefix)
        except ValueError as error:
            with self._transport.hiding():
                raise ServiceUnavailable(
                    f"{shown(url)}: expected a listing of {prefix}, found {kind} of "
                    f"{len(body)} bytes: {error}"
                ) from None


def parse_listing(body: bytes, prefix: str) -> ListingPage:
    """One page of a listing.

    Raises:
        ValueError: not the XML of one, cut short, or of something else.
    """
    if len(body) > _LONGEST_PAGE:
        raise ValueError("it is longer than a page of 1000 objects")
    try:
        root = ElementTree.fromstring(body)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise ValueError(f"not XML: {error}") from None
    if _tag(root) != "ListBucketResult":
        raise ValueError(f"the document is <{_tag(root)}>")
    texts = _texts(root)
    token = texts.get("NextContinuationToken", "")
    if texts.get("IsTruncated") == "true" and not token:
        raise ValueError("it is cut short and says not how to go on")
    rows = [_texts(child) for child in root if _tag(child) == "Contents"]
    return ListingPage(
        tuple(_object(row, prefix) for row in rows),
        token if texts.get("IsTruncated") == "true" else "",
    )


def _object(row: dict[str, str], prefix: str) -> StoredObject:
    key, size = row.get("Key", ""), row.get("Size", "")
    if not key.startswith(prefix):
        raise ValueError(f"it lists {key!r}")
    if not _DIGITS.fullmatch(size):
        raise ValueError(f"{key!r} has the size {size!r}")
    etag = row.get("ETag", "").strip('"')
    return StoredObject(key, int(size), f'"{etag}"' if etag else "")


def _texts(element: ElementTree.Element) -> dict[str, str]:
    return {_tag(child): (child.text or "").strip() for child in element}


def _tag(element: ElementTree.Element) -> str:
    """Its name without the namespace, which services write differently."""
    return element.tag.rpartition("}")[2]


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
            CorruptProduct: more bytes than a file of a product has.
            ServiceUnavailable: no such part of it; after the attempts gave up.
            BenError: see :meth:`Transport.open`.
        """
        if length > _LONGEST_RANGE:
            raise CorruptProduct(
                f"{self.source}: expected at most {_LONGEST_RANGE} bytes at once, "
                f"found {length}"
            )
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
            content, pace = bytearray(), Pace(self._attempts)
            while found == place and (piece := reply.read1(length - len(content))):
                content += piece
                pace.require(len(piece), self.source)
        if len(content) != length:
            raise ServiceUnavailable(
                f"{self.source}: expected {place}, found {found}, {len(content)} bytes"
            )
        return bytes(content)
