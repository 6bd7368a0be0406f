"""GeoTIFF bytes of patches and reference maps, as rasterio 1.4.4 writes them.

All patches of one band share a file header but for the 16 bytes of the tie point, so
GDAL makes the header once, and each band's use of it is checked against GDAL.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from ben_assets.bigearthnet.bands import NODATA
from ben_assets.bigearthnet.errors import BenError, UnexpectedRaster

_TIE_POINT_BYTES: Final = 16
"""x and y as float64."""
_BYTES_PER_PIXEL: Final = 2

UNCOMPRESSED: Final[dict[str, Any]] = {}
DEFLATED: Final[dict[str, Any]] = {"compress": "deflate", "predictor": 2}
"""Creation options of a reference map (docs/rules.md#geotiff-bytes)."""


def encode(
    pixels: npt.NDArray[np.uint16],
    epsg: int,
    corner: tuple[float, float],
    gsd_m: int,
    options: dict[str, Any],
) -> bytes:
    """A one-band GeoTIFF, written by GDAL.

    Args:
        pixels: uint16, shape (rows, cols).
        epsg: CRS.
        corner: upper left (x, y) in metres.
        gsd_m: pixel size in metres.
        options: GDAL creation options, ``UNCOMPRESSED`` or ``DEFLATED``.
    """
    profile = {
        "driver": "GTiff",
        "dtype": "uint16",
        "count": 1,
        "height": pixels.shape[0],
        "width": pixels.shape[1],
        "crs": f"EPSG:{epsg}",
        "transform": Affine(gsd_m, 0, corner[0], 0, -gsd_m, corner[1]),
        "nodata": NODATA,
        **options,
    }
    with MemoryFile() as memory:
        with memory.open(**profile) as raster:
            raster.write(pixels, 1)
        return bytes(memory.read())


@dataclass(frozen=True)
class HeaderTemplate:
    """The header that all uncompressed GeoTIFFs of one size, CRS and GSD share."""

    before: bytes
    """Header up to the tie point's x."""
    after: bytes
    """Header from behind the tie point's y to the first pixel."""
    pixels: int
    """Pixels along one side."""

    @classmethod
    def make(cls, epsg: int, gsd_m: int, pixels: int) -> HeaderTemplate:
        """The header of a ``pixels`` x ``pixels`` raster, and proof that it serves.

        Raises:
            BenError: GDAL lays the file out in another way than known.
        """
        # not all zero: GDAL lays out a block that is all nodata in another way
        content = np.ones((pixels, pixels), dtype="<u2")
        corner = (123450.0, 6543210.0)
        whole = encode(content, epsg, corner, gsd_m, UNCOMPRESSED)
        header = whole[: len(whole) - content.nbytes]
        before, found, after = header.partition(struct.pack("<2d", *corner))
        template = cls(before, after, pixels)
        other = (654320.0, 123450.0)
        if not found or template.encode(content, other) != encode(
            content, epsg, other, gsd_m, UNCOMPRESSED
        ):
            raise BenError(
                "GDAL lays out a GeoTIFF in an unknown way; expected header, tie "
                "point, pixels; install the locked rasterio (requirements.lock)"
            )
        return template

    def encode(
        self, pixels: npt.NDArray[np.uint16], corner: tuple[float, float]
    ) -> bytes:
        """The GeoTIFF of ``pixels`` (rows, cols), which are not all nodata."""
        return b"".join(
            (self.before, struct.pack("<2d", *corner), self.after, pixels.tobytes())
        )

    def pixels_of(self, content: bytes) -> npt.NDArray[np.uint16] | None:
        """The pixels of a GeoTIFF with this header, whatever its tie point.

        Args:
            content: the whole file.

        Returns:
            Shape (rows, cols); None where header or size are others, so that only GDAL
            can tell what the file holds.
        """
        start = len(self.before) + _TIE_POINT_BYTES + len(self.after)
        is_known = (
            len(content) == start + self.pixels**2 * _BYTES_PER_PIXEL
            and content.startswith(self.before)
            and content.startswith(self.after, start - len(self.after))
        )
        if not is_known:
            return None
        pixels = np.frombuffer(content, "<u2", offset=start)
        return pixels.reshape(self.pixels, self.pixels)


def read_pixels(path: str) -> npt.NDArray[Any]:
    """The pixels of any GeoTIFF with one band, as GDAL reads them.

    Returns:
        Shape (rows, cols), in the data type of the file.

    Raises:
        UnexpectedRaster: no GeoTIFF of one band, or damaged.
    """
    try:
        with rasterio.open(path, driver="GTiff") as raster:
            if raster.count == 1:
                pixels: npt.NDArray[Any] = raster.read(1)
                return pixels
            found = f"{raster.count} bands"
    except RasterioError as error:
        found = str(error.__cause__ or error)
    raise UnexpectedRaster(f"{path}: expected a GeoTIFF of one band, found {found}")
