"""One patch's place in a product of the bucket, without the rest of the product.

Nothing is written: a part of a file has no checksum that could vouch for it, so what is
read here is to be looked at, and no artifact.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from ben_assets.bigearthnet.bands import PATCH_SIZE_M
from ben_assets.bigearthnet.errors import CorruptProduct, InvalidInput
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.product_names import ProductName
from ben_assets.bigearthnet.value_scale import ValueScale, to_scale
from ben_assets.pictures.quicklook import COLOUR_BANDS
from ben_assets.safe.jp2_area import Cutout, PixelArea, cut_out
from ben_assets.safe.l2a import band_offsets, read_geocoding
from ben_assets.safe.xml_files import parse_xml
from resources.gcs import Gcs
from resources.transfers.bucket import RangeReader
from resources.transfers.product_tree import ProductTree

_GSD_M: Final = 10
_SIDE: Final = PATCH_SIZE_M // _GSD_M
_OFFSET_TAGS: Final = {"L1C": "RADIO_ADD_OFFSET", "L2A": "BOA_ADD_OFFSET"}
_GRANULE: Final = r"GRANULE/[^/]+"


@dataclass(frozen=True)
class Sample:
    """A patch's place as a product shows it."""

    geocoding: TileGeocoding
    """The tile's, from the granule's metadata."""
    bands: tuple[npt.NDArray[np.uint16], ...]
    """Red, green and blue: DN of shape (120, 120), in the scale of BigEarthNet."""
    files_bytes: int
    """Bytes of the three band files."""
    n_bytes: int
    """Bytes of them that were read."""
    n_requests: int
    """Requests that it took."""


def take_sample(
    gcs: Gcs,
    product: ProductName,
    column: int,
    row: int,
    on_band: Callable[[str], None] = lambda name: None,
) -> Sample:
    """Read red, green and blue of one cell of a product in the bucket.

    Args:
        gcs: the bucket.
        product: L1C or L2A.
        column: of the cell, from the left, from 0.
        row: of the cell, from the top, from 0.
        on_band: told of each band that is read.

    Raises:
        ProductGone: the bucket has no such product.
        CorruptProduct: a file is missing from it.
        InvalidInput: the tile has no such cell, or the metadata are not readable.
        UnexpectedRaster: a band file is damaged.
        BenError: see :class:`RangeReader`.
    """
    tree = gcs.find(product.name)
    geocoding, offsets = _metadata(gcs, tree, product)
    if not (column < geocoding.cells and row < geocoding.cells):
        last = geocoding.cells - 1
        raise InvalidInput(
            f"{product.name}: expected a cell 00_00 to {last:02d}_{last:02d}, found "
            f"{column:02d}_{row:02d}"
        )
    area = PixelArea(column * _SIDE, row * _SIDE, _SIDE, _SIDE)
    readers = [_reader(gcs, tree, _band_pattern(name)) for name in COLOUR_BANDS]

    def read(name: str, reader: RangeReader) -> Cutout:
        found = cut_out(reader, reader.size, area, reader.source)
        on_band(name)
        return found

    with ThreadPoolExecutor(len(readers)) as pool:
        cutouts = list(pool.map(read, COLOUR_BANDS, readers))
    bands = [cutout.pixels() for cutout in cutouts]
    for name, pixels in zip(COLOUR_BANDS, bands, strict=True):
        to_scale(pixels, int(offsets[name]), ValueScale.BIGEARTHNET)
    return Sample(
        geocoding,
        tuple(bands),
        sum(reader.size for reader in readers),
        sum(reader.n_bytes for reader in readers),
        sum(reader.n_requests for reader in readers),
    )


def _metadata(
    gcs: Gcs, tree: ProductTree, product: ProductName
) -> tuple[TileGeocoding, dict[str, float]]:
    """Position of the tile, and offset of each band."""
    with tempfile.TemporaryDirectory() as folder:
        granule, whole = Path(folder, "MTD_TL.xml"), Path(folder, "MTD.xml")
        for path, pattern in (
            (granule, f"{_GRANULE}/MTD_TL.xml"),
            (whole, f"MTD_MSI{product.level}.xml"),
        ):
            reader = _reader(gcs, tree, pattern)
            path.write_bytes(reader(0, reader.size))
        tag = _OFFSET_TAGS[product.level]
        offsets = band_offsets(parse_xml(whole), tag, whole)
        return read_geocoding(granule, product), offsets


def _band_pattern(band: str) -> str:
    """Where L1C and L2A products keep a band of 10 m."""
    return rf"{_GRANULE}/IMG_DATA/(R10m/)?[^/]*_{band}(_10m)?\.jp2"


def _reader(gcs: Gcs, tree: ProductTree, pattern: str) -> RangeReader:
    found = [path for path in tree.files if re.fullmatch(pattern, path)]
    if len(found) != 1:
        raise CorruptProduct(
            f"{gcs.url}: expected one file {pattern} of {tree.name}, found "
            f"{len(found)}; ask for another product"
        )
    return gcs.reader(tree.files[found[0]])
