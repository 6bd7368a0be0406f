"""Proofs that a product is whole: CRC of every member, checksums of its manifest.

Belongs here: what ``manifest.safe`` declares and whether a zip agrees. Not here: the
structure of zips (``zip_safety``), what a service says about a product (``resources``).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.bands import L1C_BANDS
from ben_assets.bigearthnet.errors import CorruptProduct, InvalidInput
from ben_assets.bigearthnet.relative_names import stays_inside
from ben_assets.safe.file_digests import FileDigests
from ben_assets.safe.xml_files import MAX_BYTES, root_element
from ben_assets.safe.zips import ProductZip

MANIFEST: Final = "manifest.safe"
"""Path of the manifest below the .SAFE folder."""
_SIZE: Final = re.compile(r"[0-9]{1,18}")
_DISPENSABLE: Final = re.compile(r"HTML/.*|rep_info/.*|INSPIRE\.xml|[^/]*-ql\.jpg")
_IMAGE: Final = re.compile(r"GRANULE/[^/]+/IMG_DATA/.*\.jp2")
BAND_IMAGE: Final = re.compile(
    r"GRANULE/[^/]+/IMG_DATA/(?:.*/)?[^/]*_(?:"
    + "|".join(band.name for band in L1C_BANDS)
    + r")(?:_[0-9]+m)?\.jp2"
)


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
            name: _verify_member(archive.chunks(name), expectations.get(name))
            for name in sorted(archive.sizes())
        }
    missing = tuple(sorted(set(expectations) - set(found)))
    problems = [f"{name}: {p.problem}" for name, p in found.items() if p.problem]
    problems += [f"{n}: missing" for n in missing if not is_dispensable(n)]
    images = {name for name in found if BAND_IMAGE.fullmatch(name)}
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
class Finding:
    """What reading one file showed."""

    member: Member | None = None
    """What it is, if it is not damaged."""
    is_proven: bool = False
    """Whether the checksum of the manifest holds."""
    doubt: str = ""
    """Why the manifest cannot verify it."""
    problem: str = ""
    """How it differs from the manifest."""


def _missing_bands(product: str, images: Collection[str]) -> list[str]:
    """Bands of an L1C product that have no image; others are of another layout."""
    if "_MSIL1C_" not in product:
        return []
    suffixes = {name.removesuffix(".jp2").rpartition("_")[2] for name in images}
    return [band.name for band in L1C_BANDS if band.name not in suffixes]


def compare(found: FileDigests, expectation: ManifestEntry | None) -> Finding:
    """Compare what a file was found to be with what it should be."""
    member = Member(found.size, found.sha256)
    if expectation is None:
        return Finding(member)
    if expectation.size not in (None, found.size):
        return Finding(problem=f"expected {expectation.size} bytes, found {found.size}")
    if not found.checksum:
        return Finding(member, doubt=_doubt(expectation))
    if found.checksum != expectation.value:
        return Finding(
            problem=f"expected {expectation.algorithm} {expectation.value}, "
            f"found {found.checksum}"
        )
    return Finding(member, is_proven=True)


def _verify_member(
    chunks: Iterable[bytes], expectation: ManifestEntry | None
) -> Finding:
    try:
        return compare(FileDigests.of(chunks, algorithm_of(expectation)), expectation)
    except CorruptProduct as error:
        return Finding(problem=str(error))


def algorithm_of(expectation: ManifestEntry | None) -> str:
    """Name of the checksum that a manifest has of a file; empty if none."""
    return expectation.algorithm if expectation else ""


def _doubt(expectation: ManifestEntry) -> str:
    if not expectation.algorithm:
        return "the manifest gives no checksum"
    return f"the manifest's checksum {expectation.algorithm} is not known here"
