"""COPY of rows into a table: text in memory for tables, a stream for large files."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from resources.postgis.database import Cursor


def copy_frame(cursor: Cursor, table: str, frame: pd.DataFrame) -> int:
    """Append the rows of a frame; its columns are named as the table's.

    Returns:
        The number of rows.
    """
    text = frame.to_csv(header=False, index=False)
    return copy_csv(cursor, table, tuple(frame.columns), text.encode())


def copy_csv(cursor: Cursor, table: str, columns: tuple[str, ...], rows: bytes) -> int:
    """Append rows of CSV; an empty field without quotes is null."""
    cursor.copy_expert(
        f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT csv)", io.BytesIO(rows)
    )
    return int(cursor.rowcount)


def ewkb(
    geometries: npt.NDArray[np.object_], epsg: int
) -> npt.NDArray[np.str_] | npt.NDArray[np.object_]:
    """The geometries as hex EWKB: every coordinate to the last bit, with its SRID."""
    with_srid = shapely.set_srid(geometries, epsg)
    code: npt.NDArray[np.object_] = shapely.to_wkb(
        with_srid, hex=True, include_srid=True
    )
    return code
