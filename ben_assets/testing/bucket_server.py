"""Google's public bucket of Sentinel-2 on loopback, for the demo and the tests.

It serves the products of a directory by the S3 protocol with what is odd about the real
one: objects ``*_$folder$`` stand for directories, each product has a quick-look of its
own, empty directories are absent. It records all headers that it gets, and plays the
faults of ``cdse_faults`` (routes ``list`` and ``object``) and ``bucket_faults``.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import re
import signal
import threading
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Final, Self
from xml.sax.saxutils import escape

from ben_assets.bigearthnet.product_names import ProductName
from ben_assets.safe.zips import product_of_zip
from ben_assets.testing.cdse_download_host import DownloadHandler
from ben_assets.testing.cdse_faults import Fault, Script
from ben_assets.testing.cdse_state import Seen
from ben_assets.testing.loopback import Host, LoopbackServer

NAME: Final = "gcp-public-data-sentinel-2"
_TREES: Final = {"L1C": "tiles", "L2A": "L2/tiles"}
_XML: Final = {"Content-Type": "application/xml; charset=UTF-8"}
_REPEATS: Final = 20
"""Pages after which a listing that repeats itself ends: who believes it ends, too."""


@dataclass(frozen=True)
class BucketObject:
    """One object; tests replace what a listing says of it."""

    content: bytes | Path
    """Its bytes, or the file that holds them."""
    size: int
    """As listed."""
    md5: str
    """As listed, hex; empty where a listing has none, as of composite objects."""
    is_listed: bool = True
    """Whether listings show it."""
    is_there: bool = True
    """Whether it can be had."""
    version: str = ""
    """ETag of answers that hold it, where it is not the MD5 listed."""

    @classmethod
    def of(cls, content: bytes | Path) -> Self:
        """The object of a content."""
        body = content if isinstance(content, bytes) else content.read_bytes()
        return cls(content, len(body), hashlib.md5(body).hexdigest())

    @property
    def etag(self) -> str:
        """As sent with its content."""
        return f'"{self.version or self.md5}"' if self.version or self.md5 else ""

    def open(self) -> BinaryIO:
        """Its bytes."""
        if isinstance(self.content, bytes):
            return io.BytesIO(self.content)
        return self.content.open("rb")


class BucketState:
    """Objects and faults, shared by all answers under ``lock``."""

    def __init__(self) -> None:
        """An empty bucket that nobody has asked yet."""
        self.objects: dict[str, BucketObject] = {}
        self.script = Script()
        self.seen = Seen(authorizations={"bucket": set()})
        self.headers: list[dict[str, str]] = []
        self.lock = threading.Lock()
        self.page_size = 1000
        self.repeats_pages = False
        """Whether every page leads to itself, until ``_REPEATS`` were asked for."""
        self.cuts_listings = False
        """Whether a listing says that it goes on, but not how."""

    def add_zip(self, path: Path) -> None:
        """Take the product of a zip in, as files."""
        with zipfile.ZipFile(path) as archive:
            files = {
                info.filename.partition("/")[2]: archive.read(info)
                for info in archive.infolist()
                if not info.is_dir()
            }
            name = archive.namelist()[0].partition("/")[0]
        self.add_product(name, files)

    def add_product(self, name: str, files: Mapping[str, bytes | Path]) -> None:
        """Take a product in, by path below its ``.SAFE`` folder."""
        top = prefix_of(name)
        quicklook = f"{name.removesuffix('.SAFE')}-ql.jpg"
        contents: dict[str, bytes | Path] = {
            **{f"{top}/{path}": content for path, content in files.items()},
            **{f"{top}{folder}_$folder$": b"" for folder in _folders(files)},
            f"{top}/{quicklook}": b"\xff\xd8 a quick-look",
        }
        for key, content in contents.items():
            self.objects[key] = BucketObject.of(content)

    def change(self, name: str, path: str, **changes: Any) -> None:  # noqa: ANN401
        """Replace what is said of one file of a product, or what it is."""
        key = f"{prefix_of(name)}/{path}"
        self.objects[key] = replace(self.objects[key], **changes)

    def remove(self, name: str, path: str) -> None:
        """Take one file of a product away."""
        del self.objects[f"{prefix_of(name)}/{path}"]

    def listing(self, prefix: str, token: str) -> str:
        """One page of a listing, as the real one writes it."""
        after = base64.b64decode(token).decode() if token else ""
        is_repeated = self.repeats_pages and self.seen.requests["list"] < _REPEATS
        if is_repeated:
            after = ""
        keys = [key for key in sorted(self.objects) if key.startswith(prefix)]
        keys = [key for key in keys if key > after and self.objects[key].is_listed]
        page = keys[: self.page_size]
        goes_on = len(page) < len(keys) or is_repeated or self.cuts_listings
        next_token = ""
        if goes_on and not self.cuts_listings:
            code = base64.b64encode(page[-1].encode()).decode()
            next_token = f"<NextContinuationToken>{code}</NextContinuationToken>"
        rows = "".join(_row(key, self.objects[key]) for key in page)
        return (
            "<?xml version='1.0' encoding='UTF-8'?>"
            "<ListBucketResult xmlns='http://doc.s3.amazonaws.com/2006-03-01'>"
            f"<Name>{NAME}</Name><Prefix>{escape(prefix)}</Prefix>"
            f"<KeyCount>{len(page)}</KeyCount>"
            f"<IsTruncated>{'true' if goes_on else 'false'}</IsTruncated>"
            f"{next_token}{rows}</ListBucketResult>"
        )


class BucketServer(LoopbackServer, BucketState):
    """Answers while its ``with`` block runs."""

    def __init__(self, folder: Path | None = None) -> None:
        """Serve the products of ``folder``, if any: zips and ``.SAFE`` directories."""
        super().__init__()
        for path in sorted(folder.iterdir()) if folder else []:
            if path.suffix == ".SAFE":
                files = (file for file in path.rglob("*") if file.is_file())
                found = {file.relative_to(path).as_posix(): file for file in files}
                self.add_product(path.name, found)
            elif path.is_file() and product_of_zip(path):
                self.add_zip(path)
        self.hosts = (_Host(self),)

    @property
    def url(self) -> str:
        """Address of the bucket."""
        return f"{self.address}/{NAME}"

    def environment(self) -> dict[str, str]:
        """The settings that lead a client here."""
        return {"BEN_GCS_URL": self.url}


class BucketHandler(DownloadHandler):
    """ListObjectsV2 and GetObject, to everyone."""

    role = "bucket"

    @property
    def bucket(self) -> BucketState:
        """What is served."""
        return self.server.cdse  # type: ignore[attr-defined,no-any-return]

    def answer(self, path: str, query: dict[str, str]) -> None:
        """A page of a listing, or one object."""
        bucket = self.bucket
        with bucket.lock:
            bucket.headers.append(dict(self.headers.items()))
            if "Range" in self.headers:
                bucket.seen.ranges.append(self.headers["Range"])
        if query.get("list-type") == "2":
            self._list(query)
        else:
            self._send_object(path.removeprefix(f"/{NAME}/"), self.fault("object"))

    def _list(self, query: dict[str, str]) -> None:
        fault = self.fault("list")
        if fault.status is not None:
            self.send(fault.status, fault.body or b"", **fault.headers)
        elif not self.is_corrupt(fault):
            token = query.get("continuation-token", "")
            text = self.bucket.listing(query.get("prefix", ""), token)
            self.send(200, text.encode(), **_XML)

    def _send_object(self, key: str, fault: Fault) -> None:
        found = self.bucket.objects.get(key)
        if fault.status is not None or fault.body is not None:
            self.send(fault.status or 200, fault.body or b"", **fault.headers)
        elif found is None or not found.is_there:
            text = "<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>"
            self.send(404, text.encode(), **_XML)
        elif bounds := re.fullmatch(
            r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")
        ):
            self._send_part(found, int(bounds[1]), int(bounds[2]) + 1)
        else:
            with found.open() as file:
                self._send_file(file, found.etag, fault)

    def _send_part(self, found: BucketObject, start: int, stop: int) -> None:
        """Bytes of an object between bounds, as GetObject sends them."""
        with found.open() as file:
            size = file.seek(0, 2)
            file.seek(start)
            content = file.read(stop - start)
        place = f"bytes {start}-{start + len(content) - 1}/{size}"
        self.send(206, content, **{"Content-Range": place, "ETag": found.etag})

    def _send_file(self, file: BinaryIO, etag: str, fault: Fault) -> None:
        size = file.seek(0, 2)
        file.seek(0)
        start, headers = self._range(size, fault)
        stated = str(size - start + len(fault.extra))
        if not fault.without_length:
            headers["Content-Length"] = stated
        self.send_response(206 if "Content-Range" in headers else 200)
        for name, value in {"ETag": etag, **headers, **fault.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        is_whole = fault == Fault()
        self.close_connection = not is_whole
        self._send_content(file, start, size, fault)

    def _leave(self) -> None:
        """The bucket does not count connections."""


class _Host(Host):
    """Its handlers find the bucket where those of CDSE find CDSE."""

    def __init__(self, bucket: BucketState) -> None:
        self.cdse = bucket
        super().__init__(BucketHandler)


def prefix_of(name: str) -> str:
    """Where a product lies in the bucket, without the slash at the end."""
    product = ProductName.parse(name)
    mgrs = product.acquisition.mgrs
    place = f"{mgrs[:2]}/{mgrs[2]}/{mgrs[3:]}"
    return f"{_TREES[product.level]}/{place}/{product.name}.SAFE"


def _folders(files: Iterable[str]) -> set[str]:
    """The directories of a product with the slash in front; it itself is the empty."""
    found = {""}
    for path in files:
        parts = path.split("/")[:-1]
        found |= {"/" + "/".join(parts[: n + 1]) for n in range(len(parts))}
    return found


def _row(key: str, one: BucketObject) -> str:
    etag = f"<ETag>&quot;{one.md5}&quot;</ETag>" if one.md5 else ""
    return (
        f"<Contents><Key>{escape(key)}</Key><Generation>1</Generation>"
        f"<LastModified>2019-06-01T00:00:00.000Z</LastModified>{etag}"
        f"<Size>{one.size}</Size></Contents>"
    )


def main() -> None:
    """Serve a directory until SIGTERM; the first line of output holds the settings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fault-probability", type=float, default=0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with BucketServer(given.folder) as server:
        server.script.roll(given.fault_probability, given.seed)
        print(json.dumps(server.environment()), flush=True)
        stop.wait()
        print(json.dumps(server.seen.summary()), flush=True)


if __name__ == "__main__":
    main()
