"""Land cover of a landscape as ESA WorldCover has it: a raster in degrees.

WorldCover's pixels are squares of 1/12,000 of a degree (product user manual, version
2.0).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyproj
import rasterio
from rasterio.transform import from_origin

from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.worldcover import worldcover_name
from ben_assets.synthetic.scene import KINDS

PIXELS_PER_DEGREE: Final = 12_000
"""Pixels of WorldCover along one degree."""

_MARGIN_PIXELS: Final = 20
_CODE_OF_KIND: Final = {
    "soil": 60,
    "village": 50,
    "built": 50,
    "rock": 60,
    "crop": 40,
    "grass": 30,
    "broadleaf": 10,
    "conifer": 10,
    "mixed": 10,
    "shrub": 20,
    "wetland": 90,
    "water": 80,
}


def write_worldcover(
    folder: Path, kinds: npt.NDArray[np.uint8], grid: TileGeocoding
) -> Path:
    """Write the part of a WorldCover file that covers a tile and a little around it.

    Args:
        folder: where the file is made.
        kinds: numbers of ``KINDS`` on the tile's 10 m grid; beyond it no data (0).
        grid: the tile, which must lie in one file.
    """
    to_degrees = pyproj.Transformer.from_crs(grid.epsg, 4326, always_xy=True)
    west, south, east, north = to_degrees.transform_bounds(*grid.bounds())
    left = math.floor(west * PIXELS_PER_DEGREE) - _MARGIN_PIXELS
    top = math.ceil(north * PIXELS_PER_DEGREE) + _MARGIN_PIXELS
    width = math.ceil(east * PIXELS_PER_DEGREE) + _MARGIN_PIXELS - left
    height = top - math.floor(south * PIXELS_PER_DEGREE) + _MARGIN_PIXELS
    longitude, latitude = np.meshgrid(
        (left + np.arange(width) + 0.5) / PIXELS_PER_DEGREE,
        (top - np.arange(height) - 0.5) / PIXELS_PER_DEGREE,
    )
    codes = _codes_at(longitude, latitude, kinds, grid)
    path = folder / worldcover_name(west, south)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        compress="deflate",
        width=width,
        height=height,
        count=1,
        dtype="uint8",
        nodata=0,
        crs="EPSG:4326",
        transform=from_origin(
            left / PIXELS_PER_DEGREE,
            top / PIXELS_PER_DEGREE,
            1 / PIXELS_PER_DEGREE,
            1 / PIXELS_PER_DEGREE,
        ),
    ) as raster:
        raster.write(codes, 1)
    return path


def _codes_at(
    longitude: npt.NDArray[np.float64],
    latitude: npt.NDArray[np.float64],
    kinds: npt.NDArray[np.uint8],
    grid: TileGeocoding,
) -> npt.NDArray[np.uint8]:
    to_utm = pyproj.Transformer.from_crs(4326, grid.epsg, always_xy=True)
    x, y = to_utm.transform(longitude, latitude)
    column, row = np.floor((x - grid.ulx) / 10), np.floor((grid.uly - y) / 10)
    side = len(kinds)
    is_inside = (column >= 0) & (column < side) & (row >= 0) & (row < side)
    codes = np.zeros(longitude.shape, np.uint8)
    table = np.array([_CODE_OF_KIND[kind] for kind in KINDS], np.uint8)
    at = row[is_inside].astype(np.int64), column[is_inside].astype(np.int64)
    codes[is_inside] = table[kinds[at]]
    return codes
