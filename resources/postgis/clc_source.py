"""CORINE polygons out of PostGIS, in place of the GeoPackage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import geopandas as gpd
import shapely

from ben_assets.bigearthnet.errors import MissingInput
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.reproject import CORINE_EPSG, corine_bounds
from resources.postgis.database import Postgis
from resources.postgis.inputs import CLC_TABLE
from resources.settings import Settings

_NEAR = f"""
SELECT i.file, i.sha256, c.code_18, c.id, ST_AsBinary(c.geom)
FROM inputs i LEFT JOIN {CLC_TABLE} c
  ON c.geom && ST_MakeEnvelope(%s, %s, %s, %s, {CORINE_EPSG})
WHERE i.table_name = '{CLC_TABLE}'
ORDER BY c.fid
"""
"""One statement sees one state of the database: polygons and digest of one load."""


_LOADED: Final = "SELECT file, sha256 FROM inputs WHERE table_name = %s"


@dataclass(frozen=True)
class ClcInPostgis:
    """The CORINE polygons that ``load_clc`` put into a database."""

    settings: Settings
    """Where ``BEN_POSTGIS_DSN`` is read from, once it is needed."""

    def digest(self) -> dict[str, str]:
        """Name and SHA-256 of the GeoPackage loaded; empty where there is none.

        Raises:
            BenError: the database does not answer.
        """
        with Postgis.from_settings(self.settings).transaction() as cursor:
            cursor.execute(_LOADED, [CLC_TABLE])
            return {str(file): str(sha256) for file, sha256 in cursor.fetchall()}

    def read(self, grid: TileGeocoding) -> tuple[gpd.GeoDataFrame, dict[str, str]]:
        """The polygons near a tile, through the spatial index, and their source.

        Returns:
            Columns Code_18 and ID (text), geometry in EPSG:3035, as the GeoPackage has
            them, to the last bit; and name and SHA-256 of the GeoPackage that these
            polygons were loaded from.

        Raises:
            MissingInput: none were loaded.
        """
        database = Postgis.from_settings(self.settings)
        with database.transaction() as cursor:
            cursor.execute(_NEAR, corine_bounds(grid))
            rows = cursor.fetchall()
        if not rows:
            raise MissingInput(
                f"PostGIS at {database.name} has no CORINE polygons; materialize "
                "postgis_clc2018 with the GeoPackage, or set BEN_CLC_PATH to a file"
            )
        near = [row[2:] for row in rows if row[4] is not None]
        codes, ids, shapes = zip(*near, strict=True) if near else ((), (), ())
        table = gpd.GeoDataFrame(
            {"Code_18": list(codes), "ID": list(ids)},
            geometry=shapely.from_wkb([bytes(shape) for shape in shapes]),
            crs=CORINE_EPSG,
        )
        return table, {str(file): str(sha256) for file, sha256, *_ in rows}
