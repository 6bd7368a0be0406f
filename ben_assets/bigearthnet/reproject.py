"""Transformation of geometries, vertex by vertex, without densification."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.bigearthnet.patch_grid import TileGeocoding

CORINE_EPSG = 3035
"""CRS of CORINE Land Cover: ETRS89-LAEA."""


def to_utm(
    geometries: npt.NDArray[np.object_],
    from_crs: int | pyproj.CRS,
    epsg: int | pyproj.CRS,
) -> npt.NDArray[np.object_]:
    """The geometries with each vertex transformed to ``epsg``, mostly a UTM zone."""
    transformer = pyproj.Transformer.from_crs(from_crs, epsg, always_xy=True)

    def each_vertex(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.column_stack(transformer.transform(points[:, 0], points[:, 1]))

    transformed: npt.NDArray[np.object_] = shapely.transform(geometries, each_vertex)
    return transformed


def stated_epsg(crs: pyproj.CRS) -> int | None:
    """The EPSG code that a CRS states itself, or else the one that PROJ finds for it.

    PROJ's search changes what it gives for that code later in the process (a datum in
    place of the ensemble), and so the bytes of every table written with it.
    """
    stated = crs.to_json_dict().get("id", {})
    if stated.get("authority") == "EPSG":
        return int(stated["code"])
    found: int | None = crs.to_epsg()
    return found


def corine_bounds(grid: TileGeocoding) -> tuple[float, float, float, float]:
    """Bounding box of a tile in EPSG:3035, with a margin for the bent edges."""
    return bounds_in(grid, pyproj.CRS.from_epsg(CORINE_EPSG))


def bounds_in(
    grid: TileGeocoding, crs: pyproj.CRS
) -> tuple[float, float, float, float]:
    """Bounding box of a tile in a CRS, with a margin of 1 km for the bent edges.

    Raises:
        InvalidInput: the tile crosses the antimeridian, so that there is no one box.
    """
    transformer = pyproj.Transformer.from_crs(grid.epsg, crs, always_xy=True)
    west, south, east, north = grid.bounds()
    margin_m = 1000
    box = transformer.transform_bounds(
        west - margin_m,
        south - margin_m,
        east + margin_m,
        north + margin_m,
        densify_pts=101,
    )
    if box[2] < box[0]:
        raise InvalidInput(
            f"a tile in EPSG:{grid.epsg} crosses the antimeridian of {crs.name}; land "
            "cover polygons there need to be in a projected CRS"
        )
    return box


def boxes_meet(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> bool:
    """Whether two boxes (west, south, east, north) share more than an edge."""
    west, south, east, north = one
    return west < other[2] and east > other[0] and south < other[3] and north > other[1]
