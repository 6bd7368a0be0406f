"""An unpacked product, each of its files read once and held against the manifest."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ben_assets.bigearthnet.errors import CorruptProduct, InvalidInput
from ben_assets.safe.file_digests import FileDigests, chunks_of
from ben_assets.safe.jp2 import codestream_range
from ben_assets.safe.l2a import L2AProduct
from ben_assets.safe.manifest import (
    BAND_IMAGE,
    MANIFEST,
    ManifestEntry,
    algorithm_of,
    compare,
    parse_manifest,
)
from ben_assets.safe.xml_files import read_limited, root_element


@dataclass(frozen=True)
class ReadProduct:
    """An L2A product, and what one reading of all its files showed."""

    product: L2AProduct
    """What its metadata say."""
    files: Mapping[str, FileDigests]
    """What each file is, by path below the ``.SAFE`` folder."""
    expectations: Mapping[str, ManifestEntry]
    """What its manifest says of them; empty where nothing does."""

    @classmethod
    def of(
        cls,
        product: L2AProduct,
        expectations: Mapping[str, ManifestEntry],
        threads: int,
    ) -> Self:
        """Read the files of a product; see ``digest_files``."""
        bands = product.band_files.values()
        files = digest_files(product.path, expectations, bands, threads)
        return cls(product, files, expectations)

    @property
    def band_digests(self) -> dict[str, str]:
        """Band name to the SHA-256 of its image data."""
        folder, bands = self.product.path, self.product.band_files
        places = {name: path.relative_to(folder) for name, path in bands.items()}
        return {n: self.files[p.as_posix()].part_sha256 for n, p in places.items()}


@dataclass(frozen=True)
class DirectoryReport:
    """What was found in a product directory whose band rasters are as declared."""

    verified: tuple[str, ...]
    """Files whose checksum in the manifest holds."""
    unverified: tuple[str, ...]
    """Band rasters that the manifest gives no known checksum of."""
    rewritten: tuple[str, ...]
    """Metadata and previews that differ from the manifest."""


def expectations_of(folder: Path) -> dict[str, ManifestEntry]:
    """What the manifest of an unpacked product says of its files, by path.

    Nothing for a product without a manifest, or with one that lists no file, as some
    processors write it: there is nothing to hold the product against.

    Raises:
        CorruptProduct: the manifest is damaged.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    content = read_limited(path)
    return (
        {} if _lists_no_file(content, str(path)) else parse_manifest(content, str(path))
    )


def digest_files(
    folder: Path,
    expectations: Mapping[str, ManifestEntry],
    images: Collection[Path],
    threads: int,
    read: Callable[[Path], Iterable[bytes]] = chunks_of,
) -> dict[str, FileDigests]:
    """Read each file of an unpacked product once; what it is, by path below ``folder``.

    Args:
        folder: the ``.SAFE`` folder.
        expectations: of its manifest, which name the checksums.
        images: JP2 files whose image data have a digest of their own.
        threads: files read at a time.
        read: gives the pieces of a file, and may copy them on the way.

    Raises:
        UnexpectedRaster: one of ``images`` is cut short or not a JP2.
    """
    ranges = {path: codestream_range(path) for path in images}
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [path.relative_to(folder).as_posix() for path in paths]

    def digest(path: Path, name: str) -> FileDigests:
        algorithm = algorithm_of(expectations.get(name))
        return FileDigests.of(read(path), algorithm, ranges.get(path))

    with ThreadPoolExecutor(threads) as pool:
        return dict(zip(names, pool.map(digest, paths, names), strict=True))


def verify_directory(
    folder: Path,
    expectations: Mapping[str, ManifestEntry],
    digests: Mapping[str, FileDigests],
) -> DirectoryReport:
    """Hold the files of an unpacked product against its own manifest.

    Band rasters must be as declared. Metadata may have been written after the manifest,
    as the product generators of users do: they are reported.

    Args:
        folder: the ``.SAFE`` folder.
        expectations: of its manifest.
        digests: what its files were found to be.

    Raises:
        CorruptProduct: band rasters differ from the manifest or are unknown to it;
            each is named.
    """
    images = {name for name in digests if BAND_IMAGE.fullmatch(name)}
    problems = [f"{n}: unknown to it" for n in sorted(images - expectations.keys())]
    found = {
        name: compare(digests[name], expectation)
        for name, expectation in expectations.items()
        if name in digests
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


def _lists_no_file(content: bytes, source: str) -> bool:
    """Whether a manifest is whole, yet without a single entry."""
    try:
        return next(root_element(content, source).iter("byteStream"), None) is None
    except InvalidInput:
        return False
