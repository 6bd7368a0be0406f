"""Whether the spatial index of a GeoPackage finds every row of its table.

A reader with a bounding box trusts the index. GDAL 3.6.0 and QGIS 3.28 left rows out of
it when saving: their polygons are in the file, yet nobody finds them.
Source of tables and geometry header: OGC GeoPackage 1.2, clause 2.1.3 and annex F.3.
"""

from __future__ import annotations

import contextlib
import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import shapely

from ben_assets.bigearthnet.errors import InvalidInput

_MAGIC: Final = b"GP"
_EMPTY: Final = 0x10
_FIXED_BYTES: Final = 8
_ENVELOPE_BYTES: Final = (0, 32, 48, 48, 64)
Box = tuple[float, float, float, float]
"""West, east, south, north."""


def require_complete_index(path: Path, layer: str) -> None:
    """Hold every row of a layer against its entry in the spatial index.

    A layer without an index is read row by row, which is slow but right.

    Raises:
        InvalidInput: rows are missing in the index, or lie outside of their box there;
            says how to build it anew.
    """
    try:
        with contextlib.closing(_opened(path)) as database:
            column = _indexed_column(database, layer)
            if column is None:
                return
            wrong = list(_unfindable(database, layer, column))
    except (sqlite3.Error, struct.error, shapely.errors.GEOSException) as error:
        raise InvalidInput(
            f"{path}: layer {layer} is damaged ({error}); get the file again"
        ) from error
    if wrong:
        raise InvalidInput(
            f"{path}: the spatial index misses {len(wrong)} rows of layer {layer}, the "
            f"first with the id {wrong[0]}: expected every row in it; build it anew: "
            f"ogrinfo {path.name} -sql \"SELECT DisableSpatialIndex('{layer}', "
            f"'{column}')\", then the same with CreateSpatialIndex; or get the file "
            "again"
        )


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)


def _indexed_column(database: sqlite3.Connection, layer: str) -> str | None:
    """The geometry column of a layer, None where it has no index."""
    row = database.execute(
        "SELECT column_name FROM gpkg_geometry_columns WHERE table_name = ?", (layer,)
    ).fetchone()
    if row is None:
        return None
    index = database.execute(
        "SELECT 1 FROM sqlite_master WHERE name = ?", (f"rtree_{layer}_{row[0]}",)
    ).fetchone()
    return str(row[0]) if index else None


def _unfindable(database: sqlite3.Connection, layer: str, column: str) -> Iterator[int]:
    """Ids of rows that the index does not lead to."""
    table, geometry = _quoted(layer), _quoted(column)
    rows = database.execute(
        f"SELECT t.rowid, substr(t.{geometry}, 1, 72), r.minx, r.maxx, r.miny, r.maxy "
        f"FROM {table} t LEFT JOIN {_quoted(f'rtree_{layer}_{column}')} r "
        f"ON r.id = t.rowid WHERE t.{geometry} IS NOT NULL"
    )
    for fid, start, *indexed in rows:
        box = _box(start)
        if box is None and not start[3] & _EMPTY:
            whole = database.execute(
                f"SELECT {geometry} FROM {table} WHERE rowid = ?", (fid,)
            ).fetchone()[0]
            west, south, east, north = shapely.from_wkb(whole[_FIXED_BYTES:]).bounds
            box = (west, east, south, north)
        if box is not None and not _holds(indexed, box):
            yield int(fid)


def _box(start: bytes) -> Box | None:
    """The envelope in the header of a geometry; None where it has none."""
    if start[:2] != _MAGIC:
        raise struct.error("a geometry does not start with 'GP'")
    kind = start[3] >> 1 & 7
    if start[3] & _EMPTY or not kind or kind >= len(_ENVELOPE_BYTES):
        return None
    order = "<" if start[3] & 1 else ">"
    west, east, south, north = struct.unpack_from(f"{order}4d", start, _FIXED_BYTES)
    return west, east, south, north


def _holds(indexed: list[float | None], box: Box) -> bool:
    west, east, south, north = indexed
    if west is None or east is None or south is None or north is None:
        return False
    return west <= box[0] and east >= box[1] and south <= box[2] and north >= box[3]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
