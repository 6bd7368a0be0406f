"""The country of a patch: the nearest of ten, by planar distance in its UTM zone."""

from __future__ import annotations

from typing import Final

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from ben_assets.bigearthnet.errors import InvalidInput
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


def nearest_country(
    squares: npt.NDArray[np.object_], epsg: int, countries: gpd.GeoDataFrame
) -> npt.NDArray[np.str_]:
    """Name of the country nearest to each patch square (not to its centre).

    Args:
        squares: polygons in the UTM zone ``epsg``, shape (n,).
        epsg: EPSG code of the zone.
        countries: from ``select_countries``; only their vertices are transformed.
    """
    outlines = to_utm(countries.geometry.to_numpy(), 4326, epsg)
    distances = np.stack([shapely.distance(squares, country) for country in outlines])
    names = np.array(countries.index.to_list(), dtype=np.str_)
    nearest: npt.NDArray[np.str_] = names[np.nanargmin(distances, axis=0)]
    return nearest
