"""An invented landscape: a coverage of CORINE polygons in the UTM zone of a tile.

Voronoi cells get classes from smooth fields, cells of one class grow together, their
borders are bent; then every 6.6 km come the same landmarks: a town, a lake in a forest,
a quarry, a place that no polygon covers; and one river.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import shapely
from shapely import MultiPolygon, Polygon
from shapely.affinity import scale, translate

from ben_assets.bigearthnet.patch_grid import TileGeocoding

_CELL_M: Final = 1_150
_MARGIN_M: Final = 1_500
_BLOCK_M: Final = 6_600
_SEGMENT_M: Final = 60
_PRECISION_M: Final = 0.01  # finer vertices make invalid polygons when transformed
_GAP: Final = 0  # stands for "cut out, but no polygon"

# Classes of a cell by its height above the valley, from low to high; drawn by chance
# within a band. Shares are guesses that look like Central European farmland.
_CLASSES_OF_HEIGHT: Final = (
    (-0.45, (231, 231, 411, 211, 324)),
    (0.20, (211, 211, 211, 211, 242, 231, 112)),
    (0.45, (211, 243, 231, 222, 242, 324)),
    (0.75, (311, 313, 313, 243)),
    (9.99, (312, 312, 313, 321)),
)

# Code, centre (x, y) from the upper left corner of a block in metres, y downwards, and
# radii; a later one covers an earlier one.
_LANDMARKS: Final = (
    (312, (4_900, 4_700), (1_250, 1_000)),  # forest around the lake
    (512, (4_900, 4_700), (420, 300)),  # lake: a hole in the forest
    (112, (1_800, 1_900), (820, 640)),  # town
    (121, (2_500, 2_350), (330, 240)),  # its works
    (111, (1_700, 1_800), (260, 230)),  # its old centre
    (141, (1_930, 1_560), (120, 90)),  # its park
    (142, (900, 2_700), (300, 190)),  # golf course
    (131, (3_000, 640), (480, 420)),  # quarry: over a quarter of the patch at (2, 0)
    (_GAP, (2_900, 5_500), (170, 120)),  # nobody mapped this
)


@dataclass(frozen=True)
class LandCover:
    """A polygon of one CORINE class."""

    code: int
    """CORINE level 3 code."""
    polygon: Polygon | MultiPolygon
    """In the UTM zone of the tile, metres; may have holes."""
    clc_id: str = ""
    """CORINE id; empty: the next number of the file."""


def make_landscape(grid: TileGeocoding, seed: int) -> list[LandCover]:
    """The land cover of a tile and 1.5 km around it.

    Polygons overlap by no more than rounding to a centimetre makes them.
    """
    rng = np.random.default_rng(seed)
    regions = _regions(grid, rng)
    landmarks = _landmarks(grid)
    regions = _regions(grid, rng)
    rest = _cut_out(regions, [polygon for _, polygon in landmarks])
    return [
        LandCover(code, part)
        for code, shape in (*rest, *landmarks)
        for part in shapely.get_parts(shapely.set_precision(shape, _PRECISION_M))
        if code != _GAP and part.area > 0
    ]


def _regions(
    grid: TileGeocoding, rng: np.random.Generator
) -> list[tuple[int, Polygon]]:
    """Cells of equal class grown together, with bent borders."""
    west, south, east, north = grid.bounds()
    frame = shapely.box(
        west - _MARGIN_M, south - _MARGIN_M, east + _MARGIN_M, north + _MARGIN_M
    )
    seeds = _seeds(grid, rng)
    cells = shapely.get_parts(
        shapely.voronoi_polygons(
            shapely.multipoints(seeds), extend_to=frame, ordered=True
        )
    )
    codes = _classes(seeds - (west, north), rng)
    merged = [
        (int(code), part)
        for code in np.unique(codes)
        for part in shapely.get_parts(shapely.union_all(cells[codes == code]))
    ]
    clipped = ((code, shapely.intersection(part, frame)) for code, part in merged)
    return [
        (code, shapely.transform(shapely.segmentize(part, _SEGMENT_M), _bend))
        for code, part in clipped
        if not part.is_empty
    ]


def _seeds(grid: TileGeocoding, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Points of a shaken square lattice over the tile and its surroundings, (n, 2)."""
    reach = np.arange(-2 * _MARGIN_M, grid.side_m + 2 * _MARGIN_M, _CELL_M)
    x, y = np.meshgrid(grid.ulx + reach, grid.uly - reach)
    lattice = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float64)
    return lattice + rng.uniform(-0.4 * _CELL_M, 0.4 * _CELL_M, lattice.shape)


def _classes(
    offsets: npt.NDArray[np.float64], rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """CORINE code of each cell, from its offset (n, 2) from the tile's corner."""
    x, y = offsets.T / 1_000
    height = 0.55 * np.sin(x / 1.3 + 0.7) * np.cos(y / 1.7 - 0.4) + 0.45 * np.sin(
        (x + y) / 1.1
    )
    height = height + rng.uniform(-0.2, 0.2, len(height))
    limits = np.array([limit for limit, _ in _CLASSES_OF_HEIGHT])
    choices = [_CLASSES_OF_HEIGHT[i][1] for i in np.searchsorted(limits, height)]
    return np.array([rng.choice(choice) for choice in choices])


def _bend(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Move points by a smooth field that depends on the place alone.

    So a border bends alike in both of its polygons; steeper fields would fold it.
    """
    x, y = points.T
    dx = 90 * np.sin(y / 310 + x / 1_900) + 22 * np.sin(y / 97)
    dy = 90 * np.sin(x / 330 - y / 1_700) + 22 * np.sin(x / 89)
    bent: npt.NDArray[np.float64] = points + np.stack([dx, dy], axis=1)
    return bent.round(3)


def _cut_out(
    regions: list[tuple[int, Polygon]], covers: list[Polygon]
) -> list[tuple[int, Polygon]]:
    """What of the regions lies under none of the covers."""
    tree = shapely.STRtree(covers)
    return [
        (code, shapely.difference(region, _union(covers, tree.query(region))))
        for code, region in regions
    ]


def _union(polygons: list[Polygon], numbers: npt.NDArray[np.int64]) -> shapely.Geometry:
    return shapely.union_all([polygons[number] for number in numbers])


def _landmarks(grid: TileGeocoding) -> list[tuple[int, Polygon]]:
    """Landmarks of all blocks and the river, none overlapping another."""
    river = _river(grid)
    found = [(511, river)]
    for column in range(0, grid.side_m, _BLOCK_M):
        for row in range(0, grid.side_m, _BLOCK_M):
            above = [river]
            for code, (x, y), radii in reversed(_LANDMARKS):
                shape = _ellipse(grid, x + column, y + row, radii)
                near = [other for other in above if other.intersects(shape)]
                found.append((code, shape.difference(shapely.union_all(near))))
                above.append(shape)
    return found


def _ellipse(
    grid: TileGeocoding, x: float, y: float, radii: tuple[int, int]
) -> Polygon:
    circle = shapely.Point(0, 0).buffer(1, quad_segs=24)
    ellipse = translate(
        scale(circle, *radii, origin=(0, 0)), grid.ulx + x, grid.uly - y
    )
    return shapely.transform(ellipse, _bend)


def _river(grid: TileGeocoding) -> Polygon:
    """A river of 120 m, from the upper to the lower edge of the tile and beyond."""
    down = np.arange(-_MARGIN_M, grid.side_m + _MARGIN_M, _SEGMENT_M)
    x = grid.ulx + 0.55 * _BLOCK_M + 420 * np.sin(down / 900) + 0.05 * down
    return shapely.LineString(np.stack([x, grid.uly - down], axis=1)).buffer(60)
