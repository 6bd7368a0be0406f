"""GDAL's own warp, which maps from a raster are compared with."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import rasterio
from rasterio.vrt import WarpedVRT

from ben_assets.bigearthnet.patch_grid import TileGeocoding


@contextlib.contextmanager
def warped(path: Path, grid: TileGeocoding) -> Iterator[WarpedVRT]:
    """A raster on the 10 m grid of a tile, nearest neighbour, 0 where it has nothing.

    Args:
        path: raster of one band in any CRS, 0 or nothing where there is no code.
        grid: the tile.
    """
    side = grid.pixels(10)
    with (
        rasterio.open(path) as raster,
        WarpedVRT(
            raster,
            crs=f"EPSG:{grid.epsg}",
            transform=grid.transform(10),
            width=side,
            height=side,
            src_nodata=0,
            nodata=0,
            tolerance=1e-7,
        ) as onto_grid,
    ):
        yield onto_grid
