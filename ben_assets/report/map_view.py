"""What a map shows: a projection, the countries in it, and its edges."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from ben_assets.bigearthnet.countries import wrapped_box
from ben_assets.bigearthnet.reproject import CORINE_EPSG, to_utm

_RADIUS_M: Final = 6_371_007
"""Radius of the sphere with the area of the earth (GRS80)."""
_MARGIN_M: Final = 400_000
_MARGIN_DEGREES: Final = 5
_FAR_M: Final = 5_000_000
"""Wider than this round its centre a map is drawn in plain degrees."""


@dataclass(frozen=True)
class MapView:
    """A projection, and the countries in it."""

    crs: pyproj.CRS
    """The projection, x to the right and y up."""
    outlines: npt.NDArray[np.object_]
    """Polygons of the countries in ``crs``, shape (n,)."""
    names: tuple[str, ...]
    """Their names."""
    edges: shapely.Polygon | None
    """The rectangle that is shown; None: as large as the countries and the tiles."""
    caption: str
    """What it shows besides the tiles, for the line below it."""


def bigearthnet_view(countries: gpd.GeoDataFrame) -> MapView:
    """The ten countries of BigEarthNet in EPSG:3035.

    Args:
        countries: index of names, geometry in longitudes and latitudes.
    """
    return MapView(
        pyproj.CRS.from_epsg(CORINE_EPSG),
        to_utm(countries.geometry.to_numpy(), 4326, CORINE_EPSG),
        tuple(map(str, countries.index)),
        None,
        "the ten countries of BigEarthNet, in EPSG:3035",
    )


def view_around(
    shapes: npt.NDArray[np.object_], countries: gpd.GeoDataFrame
) -> MapView:
    """The countries around some places, in an equal-area projection centred on them.

    Places more than 5000 km from their centre are shown in plain degrees.

    Args:
        shapes: the places in EPSG:4326, shape (n,), n > 0.
        countries: index of names, geometry in EPSG:4326.
    """
    longitude, latitude = _centre(shapes)
    crs = pyproj.CRS.from_proj4(
        f"+proj=laea +lat_0={latitude:.3f} +lon_0={longitude:.3f} +datum=WGS84"
    )
    reached = _reach(to_utm(shapes, 4326, crs))
    if not reached <= _FAR_M:  # also where a place has no finite coordinates there
        return _plain_view(shapes, countries)
    edges = shapely.box(*shapely.total_bounds(to_utm(shapes, 4326, crs)))
    edges = shapely.box(*edges.buffer(_MARGIN_M).bounds)
    near = _round(longitude, latitude, _reach(np.array([edges], dtype=object)))
    parts = shapely.intersection(_valid(countries), near)
    planar = to_utm(shapely.segmentize(parts, 1.0), 4326, crs)
    caption = "the countries around them, in an equal-area projection centred on them"
    return _cut(crs, planar, countries, edges, caption)


def _plain_view(
    shapes: npt.NDArray[np.object_], countries: gpd.GeoDataFrame
) -> MapView:
    wide = shapely.box(*shapely.total_bounds(shapes)).buffer(_MARGIN_DEGREES).bounds
    edges = shapely.box(*wide).intersection(shapely.box(-180, -90, 180, 90))
    caption = "the countries around them, in longitudes and latitudes"
    return _cut(pyproj.CRS(4326), _valid(countries), countries, edges, caption)


def _cut(
    crs: pyproj.CRS,
    outlines: npt.NDArray[np.object_],
    countries: gpd.GeoDataFrame,
    edges: shapely.Polygon,
    caption: str,
) -> MapView:
    """The view with the countries that lie within its edges, cut there."""
    cut = shapely.intersection(shapely.make_valid(outlines), edges)
    shown = {
        str(name): polygons
        for name, shape in zip(countries.index, cut, strict=True)
        if not (polygons := _polygons(shape)).is_empty
    }
    shapes = np.array(list(shown.values()), dtype=object)
    return MapView(crs, shapes, tuple(shown), edges, caption)


def _polygons(shape: shapely.Geometry) -> shapely.MultiPolygon:
    parts = shapely.get_parts(shapely.get_parts(shape))
    return shapely.MultiPolygon([p for p in parts if p.geom_type == "Polygon"])


def _valid(countries: gpd.GeoDataFrame) -> npt.NDArray[np.object_]:
    valid: npt.NDArray[np.object_] = shapely.make_valid(countries.geometry.to_numpy())
    return valid


def _centre(shapes: npt.NDArray[np.object_]) -> tuple[float, float]:
    """Longitude and latitude of the middle of all vertices on the sphere."""
    longitudes, latitudes = np.radians(shapely.get_coordinates(shapes)).T
    x = (np.cos(latitudes) * np.cos(longitudes)).mean()
    y = (np.cos(latitudes) * np.sin(longitudes)).mean()
    z = np.sin(latitudes).mean()
    return math.degrees(math.atan2(y, x)), math.degrees(math.atan2(z, math.hypot(x, y)))


def _reach(shapes: npt.NDArray[np.object_]) -> float:
    """Distance in metres of the farthest vertex from the origin of the plane."""
    return float(np.linalg.norm(shapely.get_coordinates(shapes), axis=1).max())


def _round(longitude: float, latitude: float, reach_m: float) -> shapely.Geometry:
    """An area in degrees that holds all within a planar distance of a centre."""
    around = math.degrees(2 * math.asin(reach_m / (2 * _RADIUS_M)))
    south, north = latitude - around, latitude + around
    shrunk = math.cos(math.radians(min(max(-south, north), 90)))
    aside = 180 if shrunk < around / 180 else around / shrunk
    return wrapped_box(longitude - aside, south, longitude + aside, north)
