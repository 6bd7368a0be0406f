"""The rows of a published tile, and how they replace those of before."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import psycopg2.extras
import shapely

from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.reproject import to_utm
from resources.postgis.database import Cursor, Postgis, copy_frame, ewkb

GEOGRAPHIC: Final = 4326
"""EPSG code of the longitudes and latitudes of all geometries named ``geom``."""

_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"


@dataclass(frozen=True)
class TileFacts:
    """The row of a tile in ``tiles``, without its position."""

    tile: str
    """Tile key."""
    tile_id: str
    """What its patch ids begin with."""
    start_time: datetime
    """PRODUCT_START_TIME."""
    season: str
    """Season label."""
    alignment: str
    """``v1`` or ``none``."""
    l2a_processor: str
    """What made the L2A product."""
    failed_quality_checks: list[str]
    """Names of the checks."""
    has_metadata: bool
    """Whether labels, matching patches and flags are known."""
    made_from: dict[str, str]
    """Digests of what is published."""


@dataclass(frozen=True)
class TileRows:
    """All that PostGIS is told of a tile."""

    facts: TileFacts
    """The tile."""
    geocoding: TileGeocoding
    """Where it lies."""
    patches: gpd.GeoDataFrame
    """Columns as in ``patches``; geometry: squares in the tile's UTM zone."""
    labels: pd.DataFrame
    """Columns patch_id, label."""
    pixel_counts: pd.DataFrame
    """Columns patch_id, clc_code, pixels."""


def publish_tile(database: Postgis, rows: TileRows) -> dict[str, int]:
    """Replace what the database has of a tile, in one transaction.

    Others see the old tile or the new one; a second publication of the tile waits.

    Returns:
        Table name to number of rows.

    Raises:
        BenError: as ``Postgis.transaction`` says; then nothing was changed.
    """
    with database.transaction() as cursor:
        cursor.execute(_LOCK, [rows.facts.tile])
        cursor.execute("DELETE FROM tiles WHERE tile = %s", [rows.facts.tile])
        _insert_tile(cursor, rows)
        counts = {
            "patches": copy_frame(cursor, "patches", _with_geometries(rows)),
            "labels": copy_frame(cursor, "labels", rows.labels),
            "pixel_counts": copy_frame(cursor, "pixel_counts", rows.pixel_counts),
        }
    with database.transaction() as cursor:
        # so that the planner knows of the rows before autovacuum comes by
        cursor.execute(f"ANALYZE {', '.join(counts)}")
    return counts


def _insert_tile(cursor: Cursor, rows: TileRows) -> None:
    facts = {field.name: getattr(rows.facts, field.name) for field in fields(TileFacts)}
    at = rows.geocoding
    outline = to_utm(np.array([shapely.box(*at.bounds())]), at.epsg, GEOGRAPHIC)
    row = {
        **facts,
        "made_from": psycopg2.extras.Json(rows.facts.made_from),
        **vars(at),
        "geom": ewkb(outline, GEOGRAPHIC)[0],
    }
    values = ", ".join(f"%({name})s" for name in row)
    cursor.execute(f"INSERT INTO tiles ({', '.join(row)}) VALUES ({values})", row)


def _with_geometries(rows: TileRows) -> pd.DataFrame:
    squares, epsg = rows.patches.geometry.to_numpy(), rows.geocoding.epsg
    table = pd.DataFrame(rows.patches.drop(columns="geometry"))
    return table.assign(
        tile=rows.facts.tile,
        geom_utm=ewkb(squares, epsg),
        geom=ewkb(to_utm(squares, epsg, GEOGRAPHIC), GEOGRAPHIC),
    )
