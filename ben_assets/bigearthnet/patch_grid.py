"""The patch grid of a tile: cells, footprints, splits and which cells are valid.

Cells are named (column, row): column from the left, row from the top, both from 0;
the last ``side mod 1200`` metres, right and bottom, are dropped.
Arrays over the grid have the shape (rows, columns).

Source of where an MGRS tile lies: the letters of the Military Grid Reference System
(NGA.STND.0037, WGS 84); that a tile reaches 109.8 km to the right and down from the
upper left corner of its square, moved outwards to whole 60 m from the false origin, was
seen in product metadata.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from affine import Affine

from ben_assets.bigearthnet.bands import NODATA, PATCH_SIZE_M, Band
from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.bigearthnet.product_names import epsg_of_mgrs

FULL_TILE_SIDE_M: Final = 109_800
"""Side of a Sentinel-2 tile (Sentinel-2 User Handbook)."""

SPLITS: Final = ("train", "validation", "test")
"""From the tile's border inwards."""

_STRIPE_CELLS: Final = 8


@dataclass(frozen=True)
class TileGeocoding:
    """Where a square, north-up tile lies in its UTM zone."""

    epsg: int
    """EPSG code of the UTM zone."""
    ulx: int
    """Easting of the upper left corner in metres."""
    uly: int
    """Northing of the upper left corner in metres."""
    side_m: int
    """Side of the tile in metres."""

    @property
    def cells(self) -> int:
        """Cells along one side: 91 for a full tile."""
        return self.side_m // PATCH_SIZE_M

    def pixels(self, gsd_m: int) -> int:
        """Pixels along one side of the tile's raster at ``gsd_m``."""
        return self.side_m // gsd_m

    def transform(self, gsd_m: int) -> Affine:
        """Affine transform of the tile's raster at ``gsd_m``."""
        return Affine(gsd_m, 0, self.ulx, 0, -gsd_m, self.uly)

    def corner(self, column: int, row: int) -> tuple[int, int]:
        """Upper left corner (x, y) of a cell in metres."""
        return self.ulx + column * PATCH_SIZE_M, self.uly - row * PATCH_SIZE_M

    def bounds(self) -> tuple[int, int, int, int]:
        """West, south, east and north of the tile in metres."""
        return self.ulx, self.uly - self.side_m, self.ulx + self.side_m, self.uly

    def cell_names(self) -> list[tuple[int, int]]:
        """All (column, row) in the order of patch ids: column by column."""
        return [(x, y) for x in range(self.cells) for y in range(self.cells)]


def require_full_size(geocoding: TileGeocoding, what: str) -> None:
    """Insist on the size of a real tile.

    Raises:
        InvalidInput: the tile is not 109.8 km a side.
    """
    if geocoding.side_m != FULL_TILE_SIDE_M:
        raise InvalidInput(
            f"{what}: expected a tile of {FULL_TILE_SIDE_M} m a side, as all tiles of "
            f"BigEarthNet v2 have, found {geocoding.side_m} m; use the full product"
        )


def split_of(offset_x_m: float, offset_y_m: float, side_m: float) -> str:
    """The split of a point, by its offset from the upper left corner of the tile.

    The outer frame of width ``s (2 - √2) / 4`` is train, the next up to ``s / 4``
    validation, the square inside test; a point on a border belongs to the outer one
    (docs/rules.md#split).

    >>> split_of(600, 54900, 109800), split_of(16200, 54900, 109800)
    ('train', 'validation')
    >>> split_of(54900, 54900, 109800)
    'test'
    """
    inset = min(offset_x_m, offset_y_m, side_m - offset_x_m, side_m - offset_y_m)
    if inset <= side_m * (2 - math.sqrt(2)) / 4:
        return "train"
    return "validation" if inset <= side_m / 4 else "test"


def split_of_cell(geocoding: TileGeocoding, column: int, row: int) -> str:
    """The split of a cell, by its centre."""
    half = PATCH_SIZE_M / 2
    return split_of(
        column * PATCH_SIZE_M + half, row * PATCH_SIZE_M + half, geocoding.side_m
    )


def cells_without_nodata(
    pixels: npt.NDArray[np.uint16], band: Band, cells: int
) -> npt.NDArray[np.bool_]:
    """Which cells have no zero among their own pixels of one band.

    Args:
        pixels: the band of the whole tile, shape (rows, cols).
        band: its resolution.
        cells: cells along one side.

    Returns:
        Shape (cells, cells), indexed (row, column).
    """
    n = band.patch_pixels
    clean = np.empty((cells, cells), dtype=np.bool_)
    for start in range(0, cells, _STRIPE_CELLS):
        stop = min(start + _STRIPE_CELLS, cells)
        stripe = pixels[start * n : stop * n, : cells * n]
        # min over rows first runs along contiguous memory
        lowest = stripe.reshape(stop - start, n, cells * n).min(axis=1)
        clean[start:stop] = (lowest.reshape(stop - start, cells, n) != NODATA).all(
            axis=2
        )
    return clean


_SQUARE_M: Final = 100_000
_COARSEST_M: Final = 60
_COLUMNS: Final = ("STUVWXYZ", "ABCDEFGH", "JKLMNPQR")  # by the zone modulo 3
_ROWS: Final = "ABCDEFGHJKLMNPQRSTUV"
_FIRST_ROW: Final = (5, 0)  # of the equator, in even zones and in odd ones
_BANDS: Final = "CDEFGHJKLMNPQRSTUVWX"
_DEGREES_OF_BAND: Final = 8
_SOUTHERNMOST: Final = -80
_METRES_OF_DEGREE: Final = 111_000  # of a meridian, roughly
_FALSE_NORTHING_M: Final = 10_000_000


def grid_of_mgrs(mgrs: str) -> TileGeocoding:
    """The full-size tile of an MGRS tile id.

    >>> grid_of_mgrs("33UUU")
    TileGeocoding(epsg=32633, ulx=300000, uly=5900040, side_m=109800)
    >>> grid_of_mgrs("07HFE")
    TileGeocoding(epsg=32707, ulx=600000, uly=6500020, side_m=109800)

    Args:
        mgrs: without the leading ``T``.

    Returns:
        In the tile's UTM zone, metres.
    """
    epsg, zone = epsg_of_mgrs(mgrs), int(mgrs[:2])
    easting = (_COLUMNS[zone % 3].index(mgrs[3]) + 1) * _SQUARE_M
    top = _northing(mgrs[2], mgrs[4], zone) + _SQUARE_M
    is_north = epsg < 32700
    return TileGeocoding(
        epsg,
        easting // _COARSEST_M * _COARSEST_M,
        math.ceil(top / _COARSEST_M) * _COARSEST_M
        + (0 if is_north else _FALSE_NORTHING_M),
        FULL_TILE_SIDE_M,
    )


def _northing(band: str, row: str, zone: int) -> int:
    """Metres from the equator to the lower side of a square, negative in the south.

    Rows repeat every 2,000 km, so the one nearest to its latitude band is meant.
    """
    cycle = len(_ROWS) * _SQUARE_M
    first = (_ROWS.index(row) - _FIRST_ROW[zone % 2]) * _SQUARE_M
    middle = _SOUTHERNMOST + (_BANDS.index(band) + 0.5) * _DEGREES_OF_BAND
    return first + round((middle * _METRES_OF_DEGREE - first) / cycle) * cycle
