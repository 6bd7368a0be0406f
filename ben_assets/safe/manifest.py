"""Proofs that a product is whole: CRC of every member, checksums of its manifest.

Belongs here: what ``manifest.safe`` expectations and whether a zip keeps it. Not here:
the structure of zips (``safe_zip``), what a service says about a product
(``resources``).
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ben_assets.bigearthnet.bands import L1C_BANDS
from ben_assets.bigearthnet.errors import CorruptProduct, InvalidInput
from ben_assets.bigearthnet.relative_names import stays_inside
from ben_assets.safe.xml_files import MAX_BYTES, read_limited, root_element
from ben_assets.safe.zips import CHUNK, ProductZip

MANIFEST: Final = "manifest.safe"
"""Path of the manifest below the .SAFE folder."""
ALGORITHMS: Final[dict[str, Callable[[], Any]]] = {
    "MD5": hashlib.md5,
    "SHA3256": hashlib.sha3_256,
    "SHA256": hashlib.sha256,
    "SHA512": hashlib.sha512,
}
"""Checksums of manifests, by name without dashes: MD5 until 2020, SHA3-256 now."""
_SIZE: Final = re.compile(r"[0-9]{1,18}")
_DISPENSABLE: Final = re.compile(r"HTML/.*|rep_info/.*|INSPIRE\.xml|[^/]*-ql\.jpg")
_IMAGE: Final = re.compile(r"GRANULE/[^/]+/IMG_DATA/.*\.jp2")
_BAND_IMAGE: Final = re.compile(
    r"GRANULE/[^/]+/IMG_DATA/(?:.*/)?[^/]*_(?:"
    + "|".join(band.name for band in L1C_BANDS)
    + r")(?:_[0-9]+m)?\.jp2"
)
_IMAGES_BELOW: Final = "GRANULE/*/IMG_DATA/**/*.jp2"


@dataclass(frozen=True)
class ManifestEntry:
    """What a manifest says about one file."""

    algorithm: str
    """Name of the checksum as written there; empty if there is none."""
    value: str
    """The checksum, lower-case hex."""
    size: int | None
    """Size in bytes, where stated."""


@dataclass(frozen=True)
class Member:
    """One file of a product as it was found."""

    size: int
    """Bytes."""
    sha256: str
    """Lower-case hex."""


@dataclass(frozen=True)
class ManifestReport:
    """What was found in a product zip whose every stated checksum holds."""

    product: str
    """Product name without ``.SAFE``."""
    members: dict[str, Member]
    """Every file, by its path below the .SAFE folder; each has the CRC of the zip."""
    verified: tuple[str, ...]
    """Files whose checksum in the manifest holds."""
    unverifiable: dict[str, str]
    """Files of the manifest that it cannot verify, with the reason."""
    unknown: tuple[str, ...]
    """Files that the manifest does not know, itself left out."""
    missing: tuple[str, ...]
    """Files of the manifest that are not there and that nothing needs."""

    @property
    def images(self) -> tuple[str, ...]:
        """The band rasters."""
        return tuple(name for name in self.members if _IMAGE.fullmatch(name))

    @property
    def unproven_images(self) -> tuple[str, ...]:
        """Band rasters that the manifest does not verify."""
        return tuple(sorted(set(self.images) - set(self.verified)))


def prove_product(path: Path, product: str | None = None) -> ManifestReport:
    """Read a product zip once, in constant memory, and verify what can be verified.

    Args:
        path: the zip.
        product: name of the product expected inside, without ``.SAFE``.

    Raises:
        UnsafeZip: the zip as such is broken or harmful.
        CorruptProduct: another product, no or a broken manifest, a file that
            breaks its CRC, size or checksum (all are named), or a needed one missing.
    """
    with ProductZip.open(path) as archive:
        if product not in (None, archive.product):
            raise CorruptProduct(
                f"{path.name}: expected the product {product}, found {archive.product}"
            )
        expectations = parse_manifest(
            archive.read(MANIFEST, MAX_BYTES), f"{MANIFEST} in {path.name}"
        )
        found = {
            name: _verify_file(archive.chunks(name), expectations.get(name))
            for name in sorted(archive.sizes())
        }
    missing = tuple(sorted(set(expectations) - set(found)))
    problems = [f"{name}: {p.problem}" for name, p in found.items() if p.problem]
    problems += [f"{n}: missing" for n in missing if not is_dispensable(n)]
    images = {name for name in found if _BAND_IMAGE.fullmatch(name)}
    problems += [f"{n}: unknown to it" for n in sorted(images - expectations.keys())]
    bands = _missing_bands(archive.product, images | expectations.keys())
    problems += [f"band {band}: no image" for band in bands]
    if problems:
        raise CorruptProduct(
            f"{path.name} differs from its own manifest in {len(problems)} "
            "file(s); do not use it, get the product again: " + "; ".join(problems)
        )
    return ManifestReport(
        product=archive.product,
        members={name: one.member for name, one in found.items() if one.member},
        verified=tuple(name for name, one in found.items() if one.is_proven),
        unverifiable={n: one.doubt for n, one in found.items() if one.doubt},
        unknown=tuple(n for n in found if n not in expectations and n != MANIFEST),
        missing=missing,
    )


@dataclass(frozen=True)
class DirectoryReport:
    """What was found in a product directory whose band rasters are as declared."""

    verified: tuple[str, ...]
    """Files whose checksum in the manifest holds."""
    unverified: tuple[str, ...]
    """Band rasters that the manifest gives no known checksum of."""
    rewritten: tuple[str, ...]
    """Metadata and previews that differ from the manifest."""


def _lists_no_file(content: bytes, source: str) -> bool:
    """Whether a manifest is whole, yet without a single entry."""
    try:
        return next(root_element(content, source).iter("byteStream"), None) is None
    except InvalidInput:
        return False


def verify_directory(folder: Path) -> DirectoryReport | None:
    """Hold the files of an unpacked product against its own manifest.

    Band rasters must be as declared. Metadata may have been written after the manifest,
    as the product generators of users do: they are reported.

    Returns:
        None for a product without a manifest, or with one that lists no file, as some
        processors write it: there is nothing to hold the product against.

    Raises:
        CorruptProduct: the manifest is damaged, or band rasters differ from it or are
            unknown to it; each is named.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return None
    content = read_limited(path)
    if _lists_no_file(content, str(path)):
        return None
    expectations = parse_manifest(content, str(path))
    below = (file.relative_to(folder).as_posix() for file in folder.glob(_IMAGES_BELOW))
    images = {name for name in below if _BAND_IMAGE.fullmatch(name)}
    problems = [f"{n}: unknown to it" for n in sorted(images - expectations.keys())]
    found = {
        name: _verify_file(_chunks(folder / name), expectation)
        for name, expectation in expectations.items()
        if (folder / name).is_file()
    }
    problems += [
        f"{n}: {one.problem}" for n, one in found.items() if one.problem and n in images
    ]
    if problems:
        raise CorruptProduct(
            f"{folder.name} differs from its own manifest in {len(problems)} band "
            "raster(s); do not use it, get or make the product again: "
            + "; ".join(problems)
        )
    return DirectoryReport(
        verified=tuple(n for n, one in found.items() if one.is_proven),
        unverified=tuple(n for n, one in found.items() if one.doubt and n in images),
        rewritten=tuple(n for n, one in found.items() if one.problem),
    )


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def is_dispensable(name: str) -> bool:
    """Whether nothing needs a file that a manifest lists: pages and previews."""
    return _DISPENSABLE.fullmatch(name) is not None


def parse_manifest(content: bytes, source: str) -> dict[str, ManifestEntry]:
    """The expectations of a manifest, by path below the .SAFE folder.

    Raises:
        CorruptProduct: no XML, nothing declared, a file declared twice, or a path that
            leaves the product's folder.
    """
    try:
        root = root_element(content, source)
    except InvalidInput as error:
        raise CorruptProduct(f"{source} is not XML: {error}") from error
    expectations: dict[str, ManifestEntry] = {}
    for stream in root.iter("byteStream"):
        location = stream.find("fileLocation")
        checksum = stream.find("checksum")
        if location is None:
            continue
        path = posixpath.normpath(location.get("href", ""))
        if not stays_inside(path):
            raise CorruptProduct(f"{source} names {path!r}, outside of the product")
        if path in expectations:
            raise CorruptProduct(f"{source} names {path!r} twice; get the zip again")
        size = stream.get("size", "")
        expectations[path] = ManifestEntry(
            "" if checksum is None else checksum.get("checksumName", ""),
            "" if checksum is None else (checksum.text or "").strip().lower(),
            int(size) if _SIZE.fullmatch(size) else None,
        )
    if not expectations:
        raise CorruptProduct(f"{source} declares no file; get the product again")
    return expectations


@dataclass(frozen=True)
class _Finding:
    """What reading one file showed."""

    member: Member | None = None
    is_proven: bool = False
    doubt: str = ""
    problem: str = ""


def _missing_bands(product: str, images: Collection[str]) -> list[str]:
    """Bands of an L1C product that have no image; others are of another layout."""
    if "_MSIL1C_" not in product:
        return []
    suffixes = {name.removesuffix(".jp2").rpartition("_")[2] for name in images}
    return [band.name for band in L1C_BANDS if band.name not in suffixes]


def _verify_file(
    chunks: Iterable[bytes], expectation: ManifestEntry | None
) -> _Finding:
    """Compare one file with its expectation while reading it once."""
    sha256, size = hashlib.sha256(), 0
    expected = _digest_of(expectation)
    try:
        for chunk in chunks:
            sha256.update(chunk)
            size += len(chunk)
            if expected is not None:
                expected.update(chunk)
    except CorruptProduct as error:
        return _Finding(problem=str(error))
    member = Member(size, sha256.hexdigest())
    if expectation is None:
        return _Finding(member)
    if expectation.size not in (None, size):
        return _Finding(problem=f"expected {expectation.size} bytes, found {size}")
    if expected is None:
        return _Finding(member, doubt=_doubt(expectation))
    if expected.hexdigest() != expectation.value:
        return _Finding(
            problem=f"expected {expectation.algorithm} {expectation.value}, "
            f"found {expected.hexdigest()}"
        )
    return _Finding(member, is_proven=True)


def _digest_of(expectation: ManifestEntry | None) -> Any:  # noqa: ANN401  hashlib has no public type
    algorithm = expectation.algorithm.upper().replace("-", "") if expectation else ""
    return ALGORITHMS[algorithm]() if algorithm in ALGORITHMS else None


def _doubt(expectation: ManifestEntry) -> str:
    if not expectation.algorithm:
        return "the manifest gives no checksum"
    return f"the manifest's checksum {expectation.algorithm} is not known here"
