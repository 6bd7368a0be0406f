"""Where the pixel centres of a tile's 10 m grid lie in a raster of any CRS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pyproj
from affine import Affine
from numpy.polynomial import chebyshev

from ben_assets.bigearthnet.patch_grid import TileGeocoding

_NODES: Final = 16
_NEGLIGIBLE: Final = 1e-9
"""Raster pixels; singular values below change no place by more than 2e-7 of them."""


@dataclass(frozen=True)
class _Surface:
    """A smooth function of a tile's pixel centres: a sum of products row by column."""

    of_row: npt.NDArray[np.float64]
    """Shape (side, terms)."""
    of_col: npt.NDArray[np.float64]
    """Shape (terms, side)."""

    @classmethod
    def fitted(
        cls, values: npt.NDArray[np.float64], nodes: npt.NDArray[np.float64], side: int
    ) -> Self:
        """The product of Chebyshev polynomials, one in each direction, through values.

        Args:
            values: of the function at the nodes, shape (_NODES, _NODES).
            nodes: Chebyshev nodes in both directions.
            side: pixels along one side of the tile.
        """
        fit = np.linalg.inv(chebyshev.chebvander(nodes, _NODES - 1))
        left, scale, right = np.linalg.svd(fit @ values @ fit.T)
        terms = int(np.count_nonzero(scale > _NEGLIGIBLE))
        at = (np.arange(side) + 0.5) / side * 2 - 1
        basis = chebyshev.chebvander(at, _NODES - 1)
        of_row = basis @ (left[:, :terms] * scale[:terms])
        return cls(of_row, np.ascontiguousarray((basis @ right[:terms].T).T))

    def at(self, rows: slice, cols: slice) -> npt.NDArray[np.float64]:
        return self.of_row[rows] @ self.of_col[:, cols]


@dataclass(frozen=True)
class PixelCentres:
    """Where the pixel centres of a tile's 10 m grid lie in a raster.

    Chebyshev polynomials stand in for the projection: over a tile they are within 1e-6
    pixels of PROJ, where GDAL's own warping may be off by an eighth of a pixel, or
    takes minutes.
    """

    columns: _Surface
    """The raster column of each."""
    rows: _Surface
    """The raster row of each."""

    @classmethod
    def of(
        cls, transform: Affine, crs: pyproj.CRS, grid: TileGeocoding, turn: int
    ) -> Self:
        """Fitted to PROJ's values at the Chebyshev nodes of the tile.

        Args:
            transform: of the raster.
            crs: of the raster.
            grid: the tile.
            turn: degrees to add to longitudes.
        """
        nodes = np.cos(np.pi * (np.arange(_NODES) + 0.5) / _NODES)
        half = (nodes + 1) / 2 * grid.side_m
        x, y = np.meshgrid(grid.ulx + half, grid.uly - half)
        transformer = pyproj.Transformer.from_crs(grid.epsg, crs, always_xy=True)
        x, y = transformer.transform(x, y)
        if crs.is_geographic:
            x = np.degrees(np.unwrap(np.unwrap(np.radians(x), axis=0), axis=1)) + turn
        side = grid.pixels(10)
        fitted = (_Surface.fitted(v, nodes, side) for v in ~transform * (x, y))
        return cls(*fitted)

    def pixels(
        self, rows: slice, cols: slice
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Raster column and row, whole numbers, of the centres in a part of a tile."""
        column, row = self.columns.at(rows, cols), self.rows.at(rows, cols)
        return np.floor(column, out=column), np.floor(row, out=row)
