"""Where an L1C ``.SAFE`` keeps its metadata and band rasters, and how to read them.

Source: Sentinel-2 Products Specification Document, PSD 14 (baseline 02.05 and later).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.bands import L1C_BANDS
from ben_assets.bigearthnet.errors import InvalidInput, MissingInput
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.product_names import ProductName
from ben_assets.safe.l2a import (
    band_offsets,
    granule_metadata,
    image_files,
    positive_number,
    quality_results,
    read_geocoding,
    read_start_time,
    require_nodata,
    required_text,
)
from ben_assets.safe.xml_files import parse_xml

L1C_METADATA: Final = "MTD_MSIL1C.xml"

_BAND_ID: Final = re.compile(r"[0-9]{1,2}")
_GRANULE: Final = re.compile(r"L1C_T\w{5}_A(\d{6})_\d{8}T\d{6}")


@dataclass(frozen=True)
class L1CProduct:
    """An L1C product on disk: what its metadata say and where its bands are."""

    path: Path
    """The ``.SAFE`` folder."""
    name: ProductName
    """Its name, from the folder and confirmed by the metadata."""
    start_time: datetime
    """PRODUCT_START_TIME, UTC."""
    geocoding: TileGeocoding
    """Position and size of the tile."""
    absolute_orbit: int
    """Absolute orbit number."""
    quality: dict[str, str]
    """Quality check (such as ``SENSOR_QUALITY``) to its result (``PASSED``)."""
    band_files: dict[str, Path]
    """Band name to its JP2, for all 13 bands."""
    baseline: str
    """PROCESSING_BASELINE, such as ``02.06``."""
    quantification: float
    """Digital number of reflectance 1.0."""
    offsets: dict[str, float]
    """Band name to what is added to its digital numbers first; baseline 04.00 on."""


def read_l1c(folder: Path) -> L1CProduct:
    """Read the metadata of an L1C product; the band files are not opened.

    Raises:
        MissingInput: a metadata file or a band file is not there.
        InvalidInput: the metadata contradict the name, each other or the rules.
    """
    name = ProductName.parse(folder.name)
    path = folder / L1C_METADATA
    root = parse_xml(path)
    uri = required_text(root, "PRODUCT_URI", path)
    if name.level != "L1C" or uri.removesuffix(".SAFE") != name.name:
        raise InvalidInput(
            f"{folder}: the folder is named as the L1C product {name.name}, but "
            f"{L1C_METADATA} is of {uri}; give the product its own name back"
        )
    require_nodata(root, path)
    granule = granule_metadata(folder, files := image_files(root, folder))
    orbit = _GRANULE.fullmatch(granule.parent.name)
    return L1CProduct(
        path=folder,
        name=name,
        start_time=read_start_time(root, path, name),
        geocoding=read_geocoding(granule, name),
        absolute_orbit=int(orbit[1]) if orbit else 0,
        quality=quality_results(root),
        band_files=_band_files(folder, files),
        baseline=required_text(root, "PROCESSING_BASELINE", path),
        quantification=positive_number(root, "QUANTIFICATION_VALUE", path),
        offsets=band_offsets(root, "RADIO_ADD_OFFSET", path),
    )


def _band_files(folder: Path, files: list[Path]) -> dict[str, Path]:
    by_suffix = {file.stem.rpartition("_")[2]: file for file in files}
    found = {band.name: by_suffix.get(band.name) for band in L1C_BANDS}
    missing = [n for n, file in found.items() if file is None or not file.is_file()]
    if missing:
        raise MissingInput(
            f"{folder}: band files missing: {', '.join(missing)}; the product is "
            "incomplete, get it again"
        )
    return {name: file for name, file in found.items() if file is not None}
