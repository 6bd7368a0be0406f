"""The band rasters of a product: checked against its metadata, and read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import rasterio
import rasterio.io
from rasterio.errors import RasterioError, RasterioIOError

from ben_assets.bigearthnet.bands import BANDS, NODATA, Band
from ben_assets.bigearthnet.errors import UnexpectedRaster
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.safe.jp2 import codestream_digest
from ben_assets.safe.l2a import L2AProduct

BandPixels = npt.NDArray[np.uint16]
"""Pixels of one band: uint16 DN, shape (rows, cols), 0 where nothing was measured."""


class BandProduct(Protocol):
    """What reading a band needs to know of a product, L1C or L2A."""

    @property
    def geocoding(self) -> TileGeocoding:
        """Position and size of the tile."""

    @property
    def band_files(self) -> dict[str, Path]:
        """Band name to its JP2 at native resolution."""


def content_digests(product: L2AProduct, threads: int = 1) -> dict[str, str]:
    """Band name to the SHA-256 of its image data.

    Depends neither on file names nor on processing times.

    Args:
        product: an L2A product.
        threads: bands read at a time.

    Raises:
        UnexpectedRaster: a band file is cut short or not a JP2.
    """
    with ThreadPoolExecutor(threads) as pool:
        digests = pool.map(codestream_digest, product.band_files.values())
        return dict(zip(product.band_files, digests, strict=True))


def verify_bands(product: L2AProduct) -> None:
    """Open every band and hold size, data type, CRS and position against the metadata.

    Raises:
        UnexpectedRaster: lists all bands that differ.
    """
    problems = [problem for band in BANDS for problem in _band_problems(product, band)]
    if problems:
        raise UnexpectedRaster(
            f"{product.path.name}: " + "; ".join(problems) + "; get the product again"
        )


def require_measurements(product: L2AProduct) -> None:
    """Insist on a measured pixel in every band.

    Read at a sixteenth of the resolution first, which the wavelet transform gives at
    once, block by block up to the first with one; in full only where nothing is seen.

    Raises:
        UnexpectedRaster: names the bands that are 0 everywhere, or cannot be decoded as
            far as they are read.
    """
    empty = [band.name for band in BANDS if not _has_measurement(product, band)]
    if empty:
        raise UnexpectedRaster(
            f"{product.path.name}: no measured pixel in {', '.join(empty)}: every "
            f"value is {NODATA}; get or make the product again"
        )


def _has_measurement(product: L2AProduct, band: Band) -> bool:
    path = product.band_files[band.name]
    try:
        with rasterio.Env(GDAL_NUM_THREADS="1"), rasterio.open(path) as raster:
            for _, block in raster.block_windows(1):
                shape = (max(1, block.height // 16), max(1, block.width // 16))
                if raster.read(1, window=block, out_shape=shape).any():
                    return True
    except RasterioError as error:
        raise _undecodable(path, error) from error
    return bool(read_band(product, band).any())


def _undecodable(path: Path, error: RasterioError) -> UnexpectedRaster:
    return UnexpectedRaster(
        f"{path}: cannot be decoded ({error.__cause__ or error}); get the product again"
    )


_SPARE_BYTES: Final = 1 << 16
"""What boxes and markers may take beside the pixels."""


def _band_problems(product: L2AProduct, band: Band) -> list[str]:
    path = product.band_files[band.name]
    found = path.stat().st_size
    most = 2 * product.geocoding.pixels(band.gsd_m) ** 2 + _SPARE_BYTES
    if found > most:
        return [
            f"{path.name}: expected at most {most} bytes, as its pixels take without "
            f"compression, found {found}"
        ]
    try:
        with rasterio.open(path) as raster:
            return raster_problems(raster, product.geocoding, band, path.name)
    except RasterioIOError as error:
        return [f"{path.name} is not readable ({error})"]


def raster_problems(
    raster: rasterio.io.DatasetReader, geocoding: TileGeocoding, band: Band, name: str
) -> list[str]:
    """How an open raster differs from a band of the tile; empty if it does not."""
    side = geocoding.pixels(band.gsd_m)
    comparisons = (
        ("size", (1, side, side), (raster.count, raster.height, raster.width)),
        ("data type", "uint16", raster.dtypes[0]),
        ("CRS", geocoding.epsg, raster.crs.to_epsg() if raster.crs else None),
        (
            "upper left corner",
            (geocoding.ulx, geocoding.uly),
            (raster.transform.c, raster.transform.f),
        ),
    )
    return [
        f"{name}: expected {what} {expected}, found {found}"
        for what, expected, found in comparisons
        if expected != found
    ]


def read_band(product: BandProduct, band: Band) -> BandPixels:
    """All pixels of a band: uint16, shape (rows, cols), DN with 0 as nodata.

    Raises:
        UnexpectedRaster: the raster differs from the metadata or cannot be decoded.
    """
    path = product.band_files[band.name]
    try:
        # GDAL's own threads would keep their errors to themselves: rasterio then
        # returns zeros for what could not be decoded
        with rasterio.Env(GDAL_NUM_THREADS="1"), rasterio.open(path) as raster:
            problems = raster_problems(raster, product.geocoding, band, path.name)
            if problems:
                raise UnexpectedRaster("; ".join(problems))
            pixels: BandPixels = raster.read(1)
    except RasterioError as error:
        raise _undecodable(path, error) from error
    return pixels
