"""Which patch of BigEarthNet v1 a patch is the successor of.

A v1 patch aligns with a patch iff it has the same season label and the very same
square; date and tile name play no role (docs/rules.md#alignment-with-v1).
"""

from __future__ import annotations

from collections import defaultdict

import geopandas as gpd
import numpy as np
import pandas as pd

from ben_assets.bigearthnet.bands import PATCH_SIZE_M
from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.reproject import stated_epsg
from ben_assets.bigearthnet.seasons import season_of


def check_footprints(footprints: gpd.GeoDataFrame, epsg: int, source: str) -> None:
    """Hold a table of v1 footprints against what it must be.

    Args:
        footprints: columns patch_name, sensing_time (with time zone), geom.
        epsg: the UTM zone it must be in.
        source: names the file in an error.

    Raises:
        InvalidInput: a column is missing, the CRS is another, or a name repeats.
    """
    missing = {"patch_name", "sensing_time"} - set(footprints.columns)
    if missing:
        raise InvalidInput(
            f"{source}: expected the columns {sorted(missing)}, not found"
        )
    found = stated_epsg(footprints.crs) if footprints.crs else None
    if found != epsg:
        raise InvalidInput(
            f"{source}: expected CRS EPSG:{epsg}, found "
            f"{f'EPSG:{found}' if found else 'none'}; get the file again"
        )
    if not isinstance(footprints["sensing_time"].dtype, pd.DatetimeTZDtype):
        raise InvalidInput(f"{source}: sensing_time must be a time with time zone UTC")
    names = footprints["patch_name"]
    repeated = sorted(set(names[names.duplicated()]))
    if repeated:
        raise InvalidInput(
            f"{source}: v1 names must be unique; repeated: {', '.join(repeated[:10])}"
            f"{' and more' if len(repeated) > 10 else ''}"
        )


def align(
    footprints: gpd.GeoDataFrame, grid: TileGeocoding, season: str, tile: str
) -> dict[tuple[int, int], str]:
    """Cell (column, row) to the name of its v1 patch, for cells that have one.

    Args:
        footprints: v1 patches in the tile's CRS, see ``check_footprints``.
        grid: the tile's patch grid.
        season: season label of the tile's acquisition.
        tile: names the tile in an error.

    Raises:
        InvalidInput: two v1 patches of the season lie on one patch.
    """
    columns, rows, fits = _cells_of(footprints, grid)
    found: dict[tuple[int, int], list[str]] = defaultdict(list)
    candidates = footprints[fits]
    seasons = {t: season_of(t) for t in candidates["sensing_time"].unique()}
    for name, time, x, y in zip(
        candidates["patch_name"],
        candidates["sensing_time"],
        columns[fits],
        rows[fits],
        strict=True,
    ):
        if seasons[time] == season:
            found[(int(x), int(y))].append(str(name))
    double = {cell: names for cell, names in found.items() if len(names) > 1}
    if double:
        cell, names = min(double.items())
        raise InvalidInput(
            f"{tile}: two v1 patches of season {season} lie on the patch in column "
            f"{cell[0]}, row {cell[1]}: {' and '.join(sorted(names))}; expected one "
            f"at most ({len(double)} such patches); correct the v1 footprints"
        )
    return {cell: names[0] for cell, names in found.items()}


def _cells_of(
    footprints: gpd.GeoDataFrame, grid: TileGeocoding
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Column and row of each footprint, and whether it is just that cell."""
    west, south, east, north = footprints.geometry.bounds.to_numpy().T
    columns, rows = (west - grid.ulx) / PATCH_SIZE_M, (grid.uly - north) / PATCH_SIZE_M
    fits = (
        (east - west == PATCH_SIZE_M)
        & (north - south == PATCH_SIZE_M)
        & (columns == np.floor(columns))
        & (rows == np.floor(rows))
        & (columns >= 0)
        & (columns < grid.cells)
        & (rows >= 0)
        & (rows < grid.cells)
    )
    return columns, rows, fits
