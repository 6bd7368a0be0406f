"""What the files of an L2A product are, and what vouches for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ben_assets.safe.band_rasters import require_measurements, verify_bands
from ben_assets.safe.directory_manifest import (
    ReadProduct,
    expectations_of,
    verify_directory,
)
from ben_assets.safe.l2a import read_l2a
from ben_assets.safe.zips import extract_product
from ben_assets.steps.step_context import cpu_count
from resources.data_root.facts import ManifestFacts


def verify_import(read: ReadProduct, log: Callable[[str], None]) -> ManifestFacts:
    """What the manifest of an imported product verifies; ``log`` takes warnings.

    Raises:
        CorruptProduct: band rasters differ from the manifest.
        UnexpectedRaster: a band is cut short, no raster of this tile, or 0 everywhere.
    """
    verify_bands(read.product)
    facts = _verify_against_manifest(read, log)
    require_measurements(read.product)
    return facts


def unpack_product(source: Path, folder: Path) -> ReadProduct:
    """Unpack the zip of a product below ``folder``; what its files are.

    Raises:
        UnsafeZip: the zip is damaged or has unsafe members.
        BenError: it holds no sound product; see ``read_l2a`` and ``ReadProduct``.
    """
    product = read_l2a(extract_product(source, folder))
    return ReadProduct.of(product, expectations_of(product.path), cpu_count())


def _verify_against_manifest(
    read: ReadProduct, log: Callable[[str], None]
) -> ManifestFacts:
    if not read.expectations:
        log("warning: no manifest.safe: nothing vouches for the bands")
        return ManifestFacts(0, sorted(read.product.band_files))
    report = verify_directory(read.product.path, read.expectations, read.files)
    if report.rewritten:
        log(
            f"warning: {len(report.rewritten)} files that are no band rasters differ "
            f"from the manifest: {', '.join(report.rewritten[:5])}"
        )
    unverified = [Path(name).name for name in report.unverified]
    return ManifestFacts(len(report.verified), unverified)
