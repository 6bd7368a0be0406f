"""A product that lies in a bucket as a tree of files, fetched and packed into a zip.

It is held against its own manifest before anything large is downloaded.
Belongs here: which objects make the product, and their way into the zip. Not here: the
bucket's protocol (``bucket``), one body (``transfer``).
"""

from __future__ import annotations

import hashlib
import re
import threading
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.errors import (
    ChangedUpstream,
    CorruptProduct,
    ProductGone,
)
from ben_assets.bigearthnet.relative_names import stays_inside
from ben_assets.safe.manifest import (
    MANIFEST,
    ManifestEntry,
    is_dispensable,
    parse_manifest,
)
from resources.data_root.files import local_errors, require_space
from resources.transfers.bucket import Bucket, StoredObject
from resources.transfers.delivery import Delivered
from resources.transfers.packing import StoredZip, missing_folders
from resources.transfers.retrier import Limiter, Retrier
from resources.transfers.transfer import Expected, Place, Transfer

CONNECTIONS: Final = 4
"""Files fetched at once; CDSE allows an account no more."""
_MARKER: Final = re.compile(r".*(_\$folder\$|/)")
"""Objects that stand for folders."""
_PREVIEW: Final = re.compile(r"[^/]*-ql\.jpg")
"""Quick-looks that archives add; no product of 2017 and 2018 has one of its own."""
_LARGEST_MANIFEST: Final = 64 << 20


@dataclass(frozen=True)
class ProductTree:
    """A product's files in a bucket."""

    name: str
    """Product name with ``.SAFE``."""
    files: dict[str, StoredObject]
    """Object of each file, by its path below the .SAFE folder."""
    left_out: tuple[str, ...] = ()
    """Paths of objects that do not belong to the product."""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(one.size for one in self.files.values())


def list_tree(bucket: Bucket, name: str, prefix: str, attempts: Retrier) -> ProductTree:
    """The files below ``prefix``, which ends with a slash.

    Raises:
        ProductGone: there are none.
        CorruptProduct: a path that leaves the product's folder, or an endless listing.
        ServiceUnavailable: no whole listing.
    """
    found = bucket.list(prefix, attempts)
    if not found:
        raise ProductGone(f"{bucket.url} has no files at {prefix}")
    paths = {one.key.removeprefix(prefix): one for one in found}
    files = {path: one for path, one in paths.items() if not _MARKER.fullmatch(path)}
    files.pop("", None)
    unsafe = [path for path in files if not stays_inside(path)]
    if unsafe:
        raise CorruptProduct(f"{bucket.url}: unsafe names at {prefix}: {unsafe[:5]}")
    return ProductTree(name, files, tuple(sorted(paths.keys() - files.keys())))


@dataclass(frozen=True)
class TreeDownload:
    """Fetches one product from a bucket."""

    bucket: Bucket
    """Where it lies."""
    path: Path
    """The zip to make."""
    attempts: Retrier
    """Decides when to try again."""
    on_bytes: Callable[[int], None]
    """Takes the bytes so far."""
    limiter: Limiter | None = None
    """Connections that an account shares, where there is one."""

    def fetch(self, name: str, prefix: str) -> Delivered:
        """Write the zip of all the product's files to ``path``.

        Raises:
            ProductGone: there are none.
            CorruptProduct: files differ from the product's manifest; each is named.
            ChangedUpstream: objects changed, twice, between their listing and now.
            QuotaExceeded, ServiceUnavailable: after ``attempts`` gave up.
            LocalResourceError: the disk refuses.
        """
        try:
            return self._fetch_once(name, prefix)
        except ChangedUpstream:
            return self._fetch_once(name, prefix)

    def _fetch_once(self, name: str, prefix: str) -> Delivered:
        path = self.path
        tree = list_tree(self.bucket, name, prefix, self.attempts)
        manifest = self._manifest(tree)
        tree = _without_previews(tree, manifest)
        _require_as_declared(tree, manifest, self.bucket.url)
        require_space(path.parent, tree.size)
        folders = missing_folders(tree.files)
        sizes = {file: one.size for file, one in tree.files.items()}
        packed = StoredZip(path, name, sizes, folders)
        with local_errors(path):
            packed.allocate()
            packed.finish(self._fetch_files(tree, manifest, packed))
        return Delivered(
            path.stat().st_size,
            {},
            is_as_served=False,
            listed=_as_listed(tree),
            left_out=tree.left_out,
            added=tuple(folders),
        )

    def _manifest(self, tree: ProductTree) -> dict[str, ManifestEntry]:
        stored = tree.files.get(MANIFEST)
        if stored is None or stored.size > _LARGEST_MANIFEST:
            raise CorruptProduct(
                f"{self.bucket.url}: {tree.name} has no {MANIFEST} of usual size "
                f"among its {len(tree.files)} files, so nothing vouches for them"
            )
        part = self.path.with_name(f"{self.path.name}.manifest.part")
        job = _Job(stored, Place(part), self.attempts.branch(), hashes=True)
        try:
            self._get(job, lambda size: None)
            return parse_manifest(part.read_bytes(), self.bucket.address(stored.key))
        finally:
            part.unlink(missing_ok=True)

    def _fetch_files(
        self,
        tree: ProductTree,
        manifest: Mapping[str, ManifestEntry],
        packed: StoredZip,
    ) -> dict[str, int]:
        """Fetch all files to their places; CRC-32 of each."""
        total = _Total(self.on_bytes)
        jobs = {
            name: _Job(
                stored,
                Place(self.path, packed.start(name)),
                self.attempts.branch(),
                hashes=not _is_declared_md5(manifest.get(name), stored),
            )
            for name, stored in tree.files.items()
        }
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            futures = {
                pool.submit(self._get, job, total.counter()): name
                for name, job in jobs.items()
            }
            try:
                return {futures[one]: one.result() for one in as_completed(futures)}
            except BaseException:
                total.stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _get(self, job: _Job, on_bytes: Callable[[int], None]) -> int:
        """Fetch one object to its place; its CRC-32."""
        stored = job.stored
        transfer = Transfer(
            job.place,
            job.attempts,
            on_bytes,
            lambda: Checksums(hashlib.md5() if job.hashes else None),
            Expected(size=stored.size, etag=stored.etag or None),
        )
        self._receive(stored.key, transfer)
        found = transfer.digest.md5
        if found is not None and stored.md5 not in (None, found.hexdigest()):
            raise CorruptProduct(
                f"{self.bucket.address(stored.key)}: expected MD5 {stored.md5} by the "
                f"listing of the bucket, found {found.hexdigest()}"
            )
        return transfer.digest.crc

    def _receive(self, key: str, transfer: Transfer[Checksums]) -> None:
        while True:
            with transfer.attempt(self.limiter) as headers:
                with self.bucket.open(key, headers) as reply:
                    transfer.receive(reply, self.bucket.address(key))
                return


class Checksums:
    """What is computed of an object on its way: CRC-32, and MD5 where asked for."""

    def __init__(self, md5: hashlib._Hash | None) -> None:
        """Of no bytes yet."""
        self.crc = 0
        self.md5 = md5

    def update(self, content: bytes) -> None:
        """Take the next bytes."""
        self.crc = zlib.crc32(content, self.crc)
        if self.md5 is not None:
            self.md5.update(content)


@dataclass(frozen=True)
class _Job:
    """One object to fetch."""

    stored: StoredObject
    place: Place
    attempts: Retrier
    hashes: bool
    """Whether its MD5 is to be computed here; else the manifest's is compared later."""


@dataclass
class _Total:
    """Bytes over all connections, and a way to stop them."""

    on_bytes: Callable[[int], None]
    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    size: int = 0

    def counter(self) -> Callable[[int], None]:
        """Takes the bytes so far of one object."""
        before = 0

        def count(size: int) -> None:
            nonlocal before
            if self.stop.is_set():
                raise CorruptProduct("stopped: another file of the product failed")
            with self.lock:
                self.size += size - before
                before = size
                self.on_bytes(self.size)

        return count


def _without_previews(
    tree: ProductTree, manifest: Mapping[str, ManifestEntry]
) -> ProductTree:
    previews = {n for n in tree.files if _PREVIEW.fullmatch(n) and n not in manifest}
    files = {name: one for name, one in tree.files.items() if name not in previews}
    return ProductTree(tree.name, files, tuple(sorted({*tree.left_out, *previews})))


def _require_as_declared(
    tree: ProductTree, manifest: Mapping[str, ManifestEntry], url: str
) -> None:
    """See that the listing has every file of the manifest in its size and MD5.

    Raises:
        CorruptProduct: it has not; before anything large was downloaded.
    """
    problems = []
    for name, declared in manifest.items():
        stored = tree.files.get(name)
        if stored is None:
            if not is_dispensable(name):
                problems.append(f"{name}: missing")
        elif declared.size not in (None, stored.size):
            problems.append(
                f"{name}: expected {declared.size} bytes, found {stored.size}"
            )
        elif _is_md5(declared) and stored.md5 not in (None, declared.value):
            problems.append(
                f"{name}: expected MD5 {declared.value}, found {stored.md5}"
            )
    if problems:
        raise CorruptProduct(
            f"{url} has {tree.name} otherwise than its own {MANIFEST} declares it, in "
            f"{len(problems)} file(s); nothing was downloaded: {'; '.join(problems)}"
        )


def _is_md5(declared: ManifestEntry) -> bool:
    return declared.algorithm.upper() == "MD5"


def _is_declared_md5(declared: ManifestEntry | None, stored: StoredObject) -> bool:
    """Whether the MD5 of manifest and bucket is one: the manifest's is held anyway."""
    return declared is not None and _is_md5(declared) and stored.md5 is not None


def _as_listed(tree: ProductTree) -> str:
    known = sum(one.md5 is not None for one in tree.files.values())
    return f"size of {len(tree.files)} and MD5 of {known} objects as listed"
