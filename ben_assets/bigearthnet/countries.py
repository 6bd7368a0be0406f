"""The country of a patch: the nearest one, by planar distance in its UTM zone.

Tiles aligned with v1 know the ten countries of BigEarthNet, a user's own those of all
the world that lie around the tile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.bigearthnet.outside_text import escaped
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.reproject import to_utm

COUNTRIES: Final = (
    "Austria",
    "Belgium",
    "Finland",
    "Ireland",
    "Serbia",  # before Kosovo: so were the 132 published ties decided
    "Kosovo",
    "Lithuania",
    "Luxembourg",
    "Portugal",
    "Switzerland",
)
"""The ten countries of BigEarthNet; of two at equal distance the first is taken."""

FAR_M: Final = 20_000
"""A country farther away than this may be the wrong one: the file lacks small ones."""

_MAX_NAME: Final = 200
"""Letters of the name of a country."""
_AROUND_DEGREES: Final = 15
"""How far around a tile countries count: far outside its zone UTM is of no use."""


@dataclass(frozen=True)
class NearestCountries:
    """The country of each patch."""

    names: npt.NDArray[np.object_]
    """Shape (n,); None where no country is near at all."""
    distances_m: npt.NDArray[np.float64]
    """Distance from the patch, shape (n,); 0 where it lies in it, inf without one."""


def select_countries(table: gpd.GeoDataFrame, source: str) -> gpd.GeoDataFrame:
    """The ten countries of a Natural Earth table, in order of precedence.

    Args:
        table: columns NAME_LONG and geometry, geographic coordinates.
        source: names the file in an error.

    Raises:
        InvalidInput: the column or a country is missing, or the CRS is another.
    """
    if "NAME_LONG" not in table.columns:
        raise InvalidInput(f"{source}: expected a property NAME_LONG, not found")
    if table.crs is None or not table.crs.is_geographic:
        raise InvalidInput(
            f"{source}: expected longitudes and latitudes, found {table.crs}"
        )
    by_name = table.drop_duplicates("NAME_LONG").set_index("NAME_LONG")
    missing = [name for name in COUNTRIES if name not in by_name.index]
    if missing:
        raise InvalidInput(f"{source}: countries missing: {', '.join(missing)}")
    return by_name.loc[list(COUNTRIES)]


def select_nearby(
    table: gpd.GeoDataFrame, column: str, grid: TileGeocoding, source: str
) -> gpd.GeoDataFrame:
    """All countries within 15 degrees of a tile, cut there, in alphabetical order.

    Without the cut a transformation into the tile's UTM zone would put places of the
    other side of the earth beside it.

    Args:
        table: as of ``select_all``.
        column: the column of names.
        grid: the tile.
        source: names the file in an error.

    Raises:
        InvalidInput: the column is missing, or the CRS is not stated.
    """
    cut = select_all(table, column, source)
    cut.geometry = shapely.intersection(cut.geometry.to_numpy(), _around(grid))
    return cut[~cut.geometry.is_empty].sort_index(kind="stable")


def select_all(table: gpd.GeoDataFrame, column: str, source: str) -> gpd.GeoDataFrame:
    """All countries that have a name: index of names, geometry in EPSG:4326.

    Args:
        table: a column of names and geometry, in any CRS; rows without name are left
            out.
        column: the column of names.
        source: names the file in an error.

    Raises:
        InvalidInput: the column is missing, or the CRS is not stated.
    """
    if column not in table.columns:
        found = ", ".join(str(name) for name in table.columns)
        raise InvalidInput(f"{source}: expected a property {column}, found {found}")
    if table.crs is None:
        raise InvalidInput(f"{source}: expected a stated CRS, found none")
    named = table[table[column].notna()].to_crs(4326)
    names = named[column].astype(str).map(lambda name: escaped(name, _MAX_NAME))
    outlines = shapely.make_valid(named.geometry.to_numpy())
    return gpd.GeoDataFrame(geometry=outlines, index=names, crs=4326)


def _around(grid: TileGeocoding) -> shapely.Geometry:
    """The area in degrees around a tile: wrapped at 180, cut at the poles."""
    to_degrees = pyproj.Transformer.from_crs(grid.epsg, 4326, always_xy=True)
    west, south, east, north = to_degrees.transform_bounds(*grid.bounds())
    if east < west:  # the tile itself crosses the antimeridian
        east += 360
    margin = _AROUND_DEGREES
    return wrapped_box(west - margin, south - margin, east + margin, north + margin)


def wrapped_box(
    west: float, south: float, east: float, north: float
) -> shapely.Geometry:
    """A box in degrees that may reach beyond: wrapped at 180, cut at the poles."""
    bottom, top = max(south, -90), min(north, 90)
    boxes = [
        shapely.box(max(west + turn, -180), bottom, min(east + turn, 180), top)
        for turn in (-360, 0, 360)
        if west + turn < 180 and east + turn > -180
    ]
    return shapely.union_all(boxes)


def nearest_country(
    squares: npt.NDArray[np.object_], epsg: int, countries: gpd.GeoDataFrame
) -> NearestCountries:
    """The country nearest to each patch square (not to its centre).

    Args:
        squares: polygons in the UTM zone ``epsg``, shape (n,).
        epsg: EPSG code of the zone.
        countries: index of names, in order of precedence; geometry in EPSG:4326, of
            which only the vertices are transformed.
    """
    if not len(countries):
        nothing = np.full(len(squares), None, dtype=object)
        return NearestCountries(nothing, np.full(len(squares), np.inf))
    outlines = to_utm(countries.geometry.to_numpy(), 4326, epsg)
    distances = np.stack([shapely.distance(squares, country) for country in outlines])
    names = countries.index.to_numpy(dtype=object)
    nearest = names[np.nanargmin(distances, axis=0)]
    return NearestCountries(nearest, np.nanmin(distances, axis=0))
