"""What the files of an L2A product are, and what vouches for them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ben_assets.safe.band_rasters import require_measurements, verify_bands
from ben_assets.safe.directory_manifest import (
    digest_files,
    expectations_of,
    verify_directory,
)
from ben_assets.safe.file_digests import FileDigests
from ben_assets.safe.l2a import L2AProduct, read_l2a
from ben_assets.safe.manifest import ManifestEntry
from ben_assets.safe.zips import extract_product
from ben_assets.steps.step_context import StepContext, cpu_count
from resources.data_root.facts import ManifestFacts


def verify_import(
    product: L2AProduct, files: Mapping[str, FileDigests], ctx: StepContext
) -> ManifestFacts:
    """What the manifest of an imported product verifies.

    Args:
        product: the product.
        files: what its files are, with the checksums that its manifest names.
        ctx: takes warnings.

    Raises:
        CorruptProduct: band rasters differ from the manifest.
        UnexpectedRaster: a band is cut short, no raster of this tile, or 0 everywhere.
    """
    verify_bands(product)
    facts = _verify_against_manifest(product, files, ctx)
    require_measurements(product)
    return facts


def unpack_product(
    source: Path, folder: Path
) -> tuple[L2AProduct, dict[str, FileDigests]]:
    """Unpack the zip of a product below ``folder``; what its files are.

    Raises:
        UnsafeZip: the zip is damaged or has unsafe members.
        BenError: it holds no sound product; see ``read_l2a`` and ``digest_product``.
    """
    product = read_l2a(extract_product(source, folder))
    return product, digest_product(product, expectations_of(product.path))


def digest_product(
    product: L2AProduct, expectations: Mapping[str, ManifestEntry]
) -> dict[str, FileDigests]:
    """What each file of a product is.

    Raises:
        UnexpectedRaster: a band is cut short or not a JP2.
    """
    bands = product.band_files.values()
    return digest_files(product.path, expectations, bands, cpu_count())


def band_digests(
    product: L2AProduct, files: Mapping[str, FileDigests]
) -> dict[str, str]:
    """Band name to the SHA-256 of its image data."""
    names = {n: p.relative_to(product.path) for n, p in product.band_files.items()}
    return {n: files[p.as_posix()].part_sha256 for n, p in names.items()}


def _verify_against_manifest(
    product: L2AProduct, files: Mapping[str, FileDigests], ctx: StepContext
) -> ManifestFacts:
    expectations = expectations_of(product.path)
    if not expectations:
        ctx.log("warning: no manifest.safe: nothing vouches for the bands")
        return ManifestFacts(0, sorted(product.band_files))
    report = verify_directory(product.path, expectations, files)
    if report.rewritten:
        ctx.log(
            f"warning: {len(report.rewritten)} files that are no band rasters differ "
            f"from the manifest: {', '.join(report.rewritten[:5])}"
        )
    unverified = [Path(name).name for name in report.unverified]
    return ManifestFacts(len(report.verified), unverified)
