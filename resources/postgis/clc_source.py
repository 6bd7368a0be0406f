"""CORINE polygons out of PostGIS, in place of the GeoPackage."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import shapely

from ben_assets.bigearthnet.errors import MissingInput
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.reproject import CORINE_EPSG, corine_bounds
from resources.postgis.database import Cursor, Postgis
from resources.postgis.inputs import CLC_TABLE
from resources.settings import Settings

_NEAR = f"""
SELECT code_18, id, ST_AsBinary(geom) FROM {CLC_TABLE}
WHERE geom && ST_MakeEnvelope(%s, %s, %s, %s, {CORINE_EPSG})
ORDER BY fid
"""


@dataclass(frozen=True)
class ClcInPostgis:
    """The CORINE polygons that ``load_clc`` put into a database."""

    settings: Settings
    """Where ``BEN_POSTGIS_DSN`` is read from, once it is needed."""

    def digest(self) -> dict[str, str]:
        """Name and SHA-256 of the GeoPackage that the polygons were loaded from.

        Raises:
            MissingInput: none was loaded.
        """
        database = Postgis.from_settings(self.settings)
        with database.transaction() as cursor:
            return _digest(cursor, database)

    def read(self, grid: TileGeocoding) -> gpd.GeoDataFrame:
        """The polygons near a tile, through the spatial index.

        Returns:
            Columns Code_18 and ID (text), geometry in EPSG:3035, as the GeoPackage has
            them, to the last bit.

        Raises:
            MissingInput: none were loaded.
        """
        database = Postgis.from_settings(self.settings)
        with database.transaction() as cursor:
            _digest(cursor, database)
            cursor.execute(_NEAR, corine_bounds(grid))
            rows = cursor.fetchall()
        codes, ids, shapes = zip(*rows, strict=True) if rows else ((), (), ())
        return gpd.GeoDataFrame(
            {"Code_18": list(codes), "ID": list(ids)},
            geometry=shapely.from_wkb([bytes(shape) for shape in shapes]),
            crs=CORINE_EPSG,
        )


def _digest(cursor: Cursor, database: Postgis) -> dict[str, str]:
    cursor.execute("SELECT file, sha256 FROM inputs WHERE table_name = %s", [CLC_TABLE])
    loaded = dict(cursor.fetchall())
    if not loaded:
        raise MissingInput(
            f"PostGIS at {database.name} has no CORINE polygons; materialize "
            "postgis_clc2018 with the GeoPackage, or set BEN_CLC_PATH to a file"
        )
    return loaded
