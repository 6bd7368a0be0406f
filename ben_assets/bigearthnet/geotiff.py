"""GeoTIFF bytes of patches and reference maps, as rasterio 1.4.4 writes them.

All patches of one band share a file header but for the 16 bytes of the tie point, so
GDAL makes the header once, and each band's use of it is checked against GDAL. Reference
maps differ in the sizes and places of their strips as well, and GDAL deflates those
with libdeflate; a few maps of each tile are checked against GDAL.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

import deflate
import numpy as np
import numpy.typing as npt
from affine import Affine
from rasterio.io import MemoryFile

from ben_assets.bigearthnet.bands import NODATA
from ben_assets.bigearthnet.errors import BenError

UNCOMPRESSED: Final[dict[str, Any]] = {}
DEFLATED: Final[dict[str, Any]] = {"compress": "deflate", "predictor": 2}
"""Creation options of a reference map (docs/rules.md#geotiff-bytes)."""
_STRIP_BYTES: Final = 8192
"""Of pixels, at most, in a strip: GDAL's default."""
_DEFLATE_LEVEL: Final = 7
"""Of libdeflate: the one that gives the bytes of GDAL's default (run)."""

Corner = tuple[float, float]
"""Upper left (x, y) in metres."""


def encode(
    pixels: npt.NDArray[np.uint16],
    epsg: int,
    corner: Corner,
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

    def encode(self, pixels: npt.NDArray[np.uint16], corner: Corner) -> bytes:
        """The GeoTIFF of ``pixels`` (rows, cols), which are not all nodata."""
        return b"".join(
            (self.before, struct.pack("<2d", *corner), self.after, pixels.tobytes())
        )


@dataclass(frozen=True)
class DeflatedTemplate:
    """What all deflated GeoTIFFs of one size, CRS and GSD have in common."""

    before: bytes
    """Header up to the strips' sizes, which their offsets follow."""
    between: bytes
    """Header from behind the offsets up to the tie point's x."""
    after: bytes
    """Header from behind the tie point's y to the first strip."""

    @classmethod
    def make(cls, epsg: int, gsd_m: int, pixels: int) -> DeflatedTemplate:
        """The template of a ``pixels`` x ``pixels`` raster.

        If GDAL lays the file out in another way than known, the bytes that it gives
        are not GDAL's; see ``serves``.
        """
        content = np.arange(pixels * pixels, dtype=np.uint16).reshape(pixels, pixels)
        corner = (123450.0, 6543210.0)
        whole = encode(content, epsg, corner, gsd_m, DEFLATED)
        strips = _deflated_strips(content)
        header = whole[: len(whole) - sum(map(len, strips))]
        before, _, rest = header.partition(_strip_table(len(header), strips))
        between, _, after = rest.partition(struct.pack("<2d", *corner))
        return cls(before, between, after)

    def encode(self, pixels: npt.NDArray[np.uint16], corner: Corner) -> bytes:
        """The GeoTIFF of ``pixels`` (rows, cols)."""
        strips = _deflated_strips(pixels)
        n_header = sum(map(len, (self.before, self.between, self.after)))
        n_header += 8 * len(strips) + 16
        return b"".join(
            (
                self.before,
                _strip_table(n_header, strips),
                self.between,
                struct.pack("<2d", *corner),
                self.after,
                *strips,
            )
        )

    def serves(
        self,
        samples: Iterable[tuple[npt.NDArray[np.uint16], Corner]],
        epsg: int,
        gsd_m: int,
    ) -> bool:
        """Whether it gives GDAL's bytes for each of these pixels at these corners."""
        return all(
            self.encode(pixels, corner) == encode(pixels, epsg, corner, gsd_m, DEFLATED)
            for pixels, corner in samples
        )


def _strip_table(start: int, strips: list[bytearray]) -> bytes:
    """Sizes and offsets of strips that lie one after another from ``start`` on."""
    sizes = [len(strip) for strip in strips]
    offsets = accumulate(sizes[:-1], initial=start)
    return struct.pack(f"<{2 * len(strips)}I", *sizes, *offsets)


def _deflated_strips(pixels: npt.NDArray[np.uint16]) -> list[bytearray]:
    """The strips of a raster: differences along each row, deflated."""
    differences = pixels.astype("<u2")
    differences[:, 1:] -= pixels[:, :-1]
    rows = _STRIP_BYTES // (2 * pixels.shape[1])
    return [
        deflate.zlib_compress(differences[row : row + rows], _DEFLATE_LEVEL)
        for row in range(0, len(pixels), rows)
    ]
