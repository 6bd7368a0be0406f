"""GeoTIFFs of one band, read by the hundred thousand.

GDAL takes a millisecond to open a file, a hundred times as long as its pixels take. So
it reads the first of each layout: a file whose header is the same but for the tie point
has its pixels where that one has them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from ben_assets.bigearthnet.errors import UnexpectedRaster

Pixels = npt.NDArray[Any]
"""Pixels of one band: shape (rows, cols), in the data type of the file."""

_TIE_POINT: Final = struct.Struct("<6d")
"""Column, row and height of a pixel's corner, x, y and height of it on the ground."""
_CORNER: Final = struct.Struct("<2d")
_CORNER_AT: Final = 24
"""Where x and y lie in the tie point, in bytes."""
_MOST_PIXELS: Final = 1_000_000
"""A patch has 14,400; a small file may state so many that they fill the memory."""


@dataclass(frozen=True)
class OneBand:
    """What a GeoTIFF of one band holds."""

    pixels: Pixels
    """Shape (rows, cols); not to be written to."""
    corner: tuple[float, float]
    """Upper left (x, y) in units of the CRS."""
    pixel_size: tuple[float, float]
    """Along x and, negative where north is up, y."""
    epsg: int | None
    """EPSG code of the CRS; None without one."""


@dataclass(frozen=True)
class _Layout:
    """A header, and where it has the tie point."""

    before: bytes
    """Header up to x."""
    after: bytes
    """Header from behind y to the first pixel, after which nothing but pixels comes."""
    first: OneBand
    """What GDAL read of the file that it is from."""

    @classmethod
    def of(cls, content: bytes, raster: OneBand) -> _Layout | None:
        """That of a file, or None where its pixels lie in another way."""
        start = len(content) - raster.pixels.nbytes
        header = content[: max(start, 0)]
        at = header.find(_TIE_POINT.pack(0, 0, 0, *raster.corner, 0)) + _CORNER_AT
        if at < _CORNER_AT or content[start:] != raster.pixels.tobytes():
            return None
        layout = cls(header[:at], header[at + _CORNER.size :], raster)
        return layout if layout.is_proven() else None

    def is_proven(self) -> bool:
        """Whether GDAL reads other pixels at another corner behind this header."""
        values = np.random.default_rng(0).integers(1, 255, self.first.pixels.shape)
        pixels, corner = values.astype(self.first.pixels.dtype), (654_320.0, 123_450.0)
        content = self.before + _CORNER.pack(*corner) + self.after + pixels.tobytes()
        try:
            found = _read_by_gdal(content)
        except UnexpectedRaster:
            return False
        expected = (corner, self.first.pixel_size, self.first.epsg)
        is_alike = (found.corner, found.pixel_size, found.epsg) == expected
        return is_alike and np.array_equal(found.pixels, pixels)

    def read(self, content: bytes) -> OneBand | None:
        """A file with this header, whatever its tie point; None where it is another."""
        at, pixels = len(self.before), self.first.pixels
        start = at + _CORNER.size + len(self.after)
        is_known = (
            len(content) == start + pixels.nbytes
            and content.startswith(self.before)
            and content.startswith(self.after, at + _CORNER.size)
        )
        if not is_known:
            return None
        return replace(
            self.first,
            pixels=np.frombuffer(content, pixels.dtype, offset=start).reshape(
                pixels.shape
            ),
            corner=_CORNER.unpack_from(content, at),
        )


class GeotiffReader:
    """Reads GeoTIFFs of few layouts; several threads may at a time."""

    def __init__(self) -> None:
        """Know no layout yet."""
        self._layout_of_size: dict[int, _Layout] = {}

    def read(self, content: bytes) -> OneBand:
        """What a GeoTIFF holds, as GDAL reads it.

        Args:
            content: the whole file.

        Raises:
            UnexpectedRaster: no GeoTIFF of one band, far larger than a patch, or
                damaged; to be put behind the name of the file.
        """
        layout = self._layout_of_size.get(len(content))
        known = layout.read(content) if layout else None
        if known is not None:
            return known
        raster = _read_by_gdal(content)
        layout = _Layout.of(content, raster)
        if layout is not None:
            self._layout_of_size[len(content)] = layout
        return raster


def _read_by_gdal(content: bytes) -> OneBand:
    if not content:  # which rasterio takes for a file to write
        raise UnexpectedRaster(
            "expected a GeoTIFF of one band of a patch, found an empty file"
        )
    try:
        with (
            MemoryFile(content, filename="file.tif") as memory,
            memory.open(driver="GTiff") as raster,
        ):
            n_pixels = raster.width * raster.height
            if raster.count == 1 and n_pixels <= _MOST_PIXELS:
                to_ground = raster.transform
                return OneBand(
                    pixels=raster.read(1),
                    corner=(to_ground.c, to_ground.f),
                    pixel_size=(to_ground.a, to_ground.e),
                    epsg=raster.crs.to_epsg() if raster.crs else None,
                )
            found = f"{raster.count} bands of {raster.width} x {raster.height} pixels"
    except RasterioError as error:
        found = str(error.__cause__ or error)
    raise UnexpectedRaster(f"expected a GeoTIFF of one band of a patch, found {found}")
