"""Land cover that meets each rule of reference maps and labels at its edge.

One case for each cell of a tile of 3 x 3 cells. Everything ends a metre inside of its
cell, so that a neighbour without land cover stays without.
"""

from __future__ import annotations

from typing import Final

import shapely
from shapely import MultiPolygon, Polygon

from ben_assets.bigearthnet.bands import PATCH_SIZE_M
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.synthetic.landscape import LandCover

_Box = tuple[int, int, int, int]

_CELL: Final[_Box] = (1, 1, PATCH_SIZE_M - 1, PATCH_SIZE_M - 1)
_QUARTER: Final[_Box] = (300, 300, 900, 900)
"""60 x 60 of the 120 x 120 pixels of 10 m."""
_PIXEL: Final[_Box] = (300, 300, 310, 310)
"""One pixel, in the corner of the quarter."""
_BETWEEN_CENTRES: Final[_Box] = (602, 602, 604, 604)
"""Part of a pixel without its centre."""


def land_cover_cases(grid: TileGeocoding) -> list[LandCover]:
    """The cases by cell (column, row); no other cell has land cover, nor has (1, 1).

    - (0, 0): just a quarter is unlabelled, which is too much; (1, 0): a pixel less.
    - (2, 0): overlaps, in which the lower id as text lies on top, whether it is the
      lower number or not, and whether it comes first or last in the file.
    - (0, 1): a multipolygon whose parts overlap, and count one by one.
    - (2, 1): a polygon without any pixel centre.
    - (1, 2): one id twice, so that the lower code is on top; a label that holds a
      comma; a label of one pixel; uncovered ground along the right edge.
    - (0, 2), (2, 2): one class.
    """
    quarry = _box(grid, (0, 0), _QUARTER)
    smaller = _box(grid, (1, 0), _QUARTER) - _box(grid, (1, 0), _PIXEL)
    parts = [_box(grid, (0, 1), box) for box in ((99, 99, 699, 699), _QUARTER)]
    pixel, covered = _box(grid, (1, 2), _PIXEL), _box(grid, (1, 2), (1, 1, 1180, 1199))
    return [
        LandCover(131, quarry),
        LandCover(211, _box(grid, (0, 0), _CELL) - quarry),
        LandCover(131, smaller),
        LandCover(211, _box(grid, (1, 0), _CELL) - smaller),
        LandCover(231, _box(grid, (2, 0), _CELL), "EU_99999"),
        LandCover(311, _box(grid, (2, 0), (1, 1, 600, 1199)), "EU_100000"),
        LandCover(112, _box(grid, (2, 0), (700, 100, 1000, 400)), "EU_88888"),
        LandCover(121, _box(grid, (2, 0), (700, 200, 1100, 500)), "EU_90000"),
        LandCover(312, MultiPolygon(parts)),
        LandCover(242, _box(grid, (0, 1), _CELL) - shapely.union_all(parts)),
        LandCover(211, _box(grid, (2, 1), _BETWEEN_CENTRES)),
        LandCover(324, _box(grid, (1, 2), (600, 600, 1180, 1199)), "EU_77777"),
        LandCover(243, covered - pixel, "EU_77777"),
        LandCover(512, pixel),
        LandCover(411, _box(grid, (0, 2), _CELL)),
        LandCover(222, _box(grid, (2, 2), _CELL)),
    ]


def _box(grid: TileGeocoding, cell: tuple[int, int], box: _Box) -> Polygon:
    """A rectangle by its left, upper, right and lower offset from the cell's corner."""
    x, y = grid.corner(*cell)
    left, upper, right, lower = box
    return shapely.box(x + left, y - lower, x + right, y - upper)
