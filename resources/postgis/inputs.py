"""Input tables: CORINE, v1 footprints, countries; loaded whole, CORINE read by tile."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyogrio
import shapely

from ben_assets.bigearthnet.errors import MissingInput
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.reference_map import LAYER
from ben_assets.bigearthnet.reproject import CORINE_EPSG, corine_bounds, to_utm
from resources.postgis.database import Cursor, Postgis, copy_binary, copy_frame, ewkb
from resources.postgis.tiles import GEOGRAPHIC
from resources.settings import Settings

CLC_TABLE: Final = "clc2018"
V1_TABLE: Final = "v1_footprints"
COUNTRY_TABLE: Final = "countries"

_BATCH_ROWS: Final = 2_000  # CORINE polygons: about 8 MB
_CLC_COLUMNS: Final = ("fid", "id", "code_18", "remark", "area_ha", "geom")
_CLC_FIELDS: Final = ("ID", "Code_18", "Remark", "Area_Ha")
_HAS_SRID: Final = 0x20000000  # flag in the type of an EWKB geometry


def load_clc(database: Postgis, path: Path, digest: Mapping[str, str]) -> int:
    """Replace the CORINE polygons by those of a GeoPackage; returns their number.

    The file is streamed: memory does not grow with it. One transaction; who reads
    meanwhile waits.

    Args:
        database: where to.
        path: the GeoPackage, see ``require_geopackage``.
        digest: its name and SHA-256, kept beside the polygons.
    """
    with database.transaction() as cursor:
        cursor.execute(f"TRUNCATE {CLC_TABLE}")
        # an index built afterwards, in one go, is smaller and sooner there
        cursor.execute("DROP INDEX IF EXISTS clc2018_geom")
        loaded = 0
        for rows in _clc_batches(path):
            loaded += copy_binary(cursor, CLC_TABLE, _CLC_COLUMNS, rows)
        cursor.execute(f"CREATE INDEX clc2018_geom ON {CLC_TABLE} USING gist (geom)")
        _note(cursor, CLC_TABLE, dict.fromkeys(digest, loaded), digest)
    return loaded


def _clc_batches(path: Path) -> Iterator[list[tuple[bytes | None, ...]]]:
    """The file's polygons as values in the order of ``_CLC_COLUMNS``."""
    first = 1
    with pyogrio.open_arrow(
        path, layer=LAYER, columns=_CLC_FIELDS, batch_size=_BATCH_ROWS, use_pyarrow=True
    ) as (about, batches):
        for batch in batches:
            yield _clc_rows(batch, first, about["geometry_name"])
            first += batch.num_rows


def _clc_rows(
    batch: pa.RecordBatch, first: int, geometry_name: str
) -> list[tuple[bytes | None, ...]]:
    there = set(batch.schema.names)

    def column(name: str) -> list[Any]:
        found = name in there
        return batch.column(name).to_pylist() if found else [None] * batch.num_rows

    return list(
        zip(
            (struct.pack("!q", first + n) for n in range(batch.num_rows)),
            map(_text, column("ID")),
            map(_text, column("Code_18")),
            map(_text, column("Remark")),
            map(_number, column("Area_Ha")),
            map(_with_srid, column(geometry_name)),
            strict=True,
        )
    )


def _text(value: object) -> bytes | None:
    return None if value is None else str(value).encode()


def _number(value: float | None) -> bytes | None:
    return None if value is None else struct.pack("!d", value)


def _with_srid(wkb: bytes | None) -> bytes | None:
    """OGR's little-endian WKB as EWKB in CORINE's CRS."""
    if wkb is None:
        return None
    (kind,) = struct.unpack_from("<I", wkb, 1)
    return struct.pack("<BII", 1, kind | _HAS_SRID, CORINE_EPSG) + wkb[5:]


def load_v1_footprints(
    database: Postgis,
    zones: Mapping[int, gpd.GeoDataFrame],
    digests: Mapping[int, Mapping[str, str]],
) -> int:
    """Replace the v1 footprints by those of some UTM zones; returns their number.

    Args:
        database: where to.
        zones: EPSG code to footprints, see ``check_footprints``.
        digests: EPSG code to name and SHA-256 of the file they come from.
    """
    with database.transaction() as cursor:
        cursor.execute(f"TRUNCATE {V1_TABLE}")
        rows: dict[str, int] = {}
        for epsg, footprints in zones.items():
            loaded = copy_frame(cursor, V1_TABLE, _v1_rows(footprints, epsg))
            rows |= dict.fromkeys(digests[epsg], loaded)
        names = {
            name: sha for digest in digests.values() for name, sha in digest.items()
        }
        _note(cursor, V1_TABLE, rows, names)
    return sum(rows.values())


def _v1_rows(footprints: gpd.GeoDataFrame, epsg: int) -> pd.DataFrame:
    squares = footprints.geometry.to_numpy()
    return pd.DataFrame(
        {
            "epsg": epsg,
            "patch_name": footprints["patch_name"],
            "sensing_time": footprints["sensing_time"].map(pd.Timestamp.isoformat),
            "geom_utm": ewkb(squares, epsg),
            "geom": ewkb(to_utm(squares, epsg, GEOGRAPHIC), GEOGRAPHIC),
        }
    )


def load_countries(
    database: Postgis, countries: gpd.GeoDataFrame, digest: Mapping[str, str]
) -> int:
    """Replace the countries; returns their number.

    Args:
        database: where to.
        countries: from ``select_countries``.
        digest: name and SHA-256 of the file they come from.
    """
    outlines = countries.geometry.map(_as_multipolygon).to_numpy()
    frame = pd.DataFrame({"name": countries.index, "geom": ewkb(outlines, GEOGRAPHIC)})
    with database.transaction() as cursor:
        cursor.execute(f"TRUNCATE {COUNTRY_TABLE}")
        loaded = copy_frame(cursor, COUNTRY_TABLE, frame)
        _note(cursor, COUNTRY_TABLE, dict.fromkeys(digest, loaded), digest)
    return loaded


def _as_multipolygon(shape: shapely.Geometry) -> shapely.MultiPolygon:
    return shape if shape.geom_type == "MultiPolygon" else shapely.MultiPolygon([shape])


def _note(
    cursor: Cursor, table: str, rows: Mapping[str, int], digests: Mapping[str, str]
) -> None:
    """Write down what a table was loaded from, and count it for the planner."""
    cursor.execute("DELETE FROM inputs WHERE table_name = %s", [table])
    cursor.executemany(
        "INSERT INTO inputs (file, table_name, sha256, row_count) "
        "VALUES (%s, %s, %s, %s)",
        [(name, table, sha, rows[name]) for name, sha in digests.items()],
    )
    cursor.execute(f"ANALYZE {table}")


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
