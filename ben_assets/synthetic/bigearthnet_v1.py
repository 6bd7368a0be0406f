"""What BigEarthNet v1 would have had here: footprints, Sentinel-1 names, lists.

Most cells of a tile have a v1 patch of its season; some have none, some only one of
another season, some both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import geopandas as gpd
import shapely

from ben_assets.bigearthnet.bands import PATCH_SIZE_M
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.synthetic.tiles import DemoTile

S1S2_MAPPING: Final = "s1s2_mapping.csv"
SNOW_LIST: Final = "patches_with_seasonal_snow.csv"
CLOUD_LIST: Final = "patches_with_cloud_and_shadow.csv"

_TIME_FORMAT: Final = "%Y%m%dT%H%M%S"
_LISTED: Final = {SNOW_LIST: (2, 19), CLOUD_LIST: (5, 19, 31)}
"""Places in a tile's list of v1 patches; one patch is in both lists."""


@dataclass(frozen=True)
class FirstVersionPatch:
    """A patch of BigEarthNet v1."""

    name: str
    """Such as ``S2A_MSIL2A_20170723T101031_7_20``; column and row are not padded."""
    s1_name: str
    """Its matching Sentinel-1 patch."""
    sensing_time: datetime
    """Sensing start, UTC."""
    epsg: int
    """UTM zone."""
    corner: tuple[int, int]
    """Upper left corner (x, y) in metres."""


def first_version_patches(
    tile: DemoTile, grid: TileGeocoding
) -> list[FirstVersionPatch]:
    """The v1 patches of a tile, column by column; none for ``alignment`` ``none``."""
    if tile.alignment == "none":
        return []
    return [
        _patch(tile, grid, cell, sensing)
        for cell in grid.cell_names()
        for sensing in _sensings_of_cell(tile, *cell)
    ]


def write_first_version(folder: Path, patches: Sequence[FirstVersionPatch]) -> None:
    """Write footprints, the mapping to Sentinel-1 and the snow and cloud lists."""
    by_epsg = defaultdict(list)
    for patch in patches:
        by_epsg[patch.epsg].append(patch)
    for epsg, members in by_epsg.items():
        path = folder / f"bigearthnet_v1_spatial_{epsg}.parquet"
        write_footprints(path, epsg, members)
    mapping = "".join(f"{patch.name},{patch.s1_name}\n" for patch in patches)
    (folder / S1S2_MAPPING).write_text(mapping, encoding="utf-8")
    for name, places in _LISTED.items():
        listed = [
            members[place].name
            for members in by_epsg.values()
            for place in places
            if place < len(members)
        ]
        # the published lists have the line ends of Windows
        text = "".join(f"{name}\r\n" for name in listed)
        (folder / name).write_bytes(text.encode())


def _sensings_of_cell(tile: DemoTile, column: int, row: int) -> tuple[str, ...]:
    if (column, row) in tile.v1_of_cell or not tile.v1_sensing:
        return tile.v1_of_cell.get((column, row), ())
    draw = (3 * column + 7 * row + 1) % 11
    if draw == 0:
        return ()
    if draw == 1:
        return (tile.v1_other_season,)
    if draw == 2:
        return tile.v1_sensing, tile.v1_other_season
    return (tile.v1_sensing,)


def _patch(
    tile: DemoTile, grid: TileGeocoding, cell: tuple[int, int], sensing: str
) -> FirstVersionPatch:
    time = datetime.strptime(sensing, _TIME_FORMAT).replace(tzinfo=UTC)
    radar = (time + timedelta(hours=6, minutes=40)).strftime(_TIME_FORMAT)
    column, row = cell
    mission = tile.l1c_name.acquisition.mission
    return FirstVersionPatch(
        name=f"{mission}_MSIL2A_{sensing}_{column}_{row}",
        s1_name=f"S1A_IW_GRDH_1SDV_{radar}_{tile.mgrs}_{column}_{row}",
        sensing_time=time,
        epsg=grid.epsg,
        corner=grid.corner(column, row),
    )


def write_footprints(
    path: Path, epsg: int, patches: Sequence[FirstVersionPatch]
) -> None:
    """Write name, time and square of the v1 patches of a UTM zone, as published."""
    table = gpd.GeoDataFrame(
        {
            "patch_name": [patch.name for patch in patches],
            "sensing_time": [patch.sensing_time for patch in patches],
        },
        geometry=[_square(*patch.corner) for patch in patches],
        crs=epsg,
    ).rename_geometry("geom")
    table["sensing_time"] = table["sensing_time"].astype("datetime64[ms, UTC]")
    table.to_parquet(path, schema_version="1.0.0")


def _square(x: int, y: int) -> shapely.MultiPolygon:
    """The square below and right of its upper left corner, as the published ones."""
    right, bottom = x + PATCH_SIZE_M, y - PATCH_SIZE_M
    ring = [(x, y), (x, bottom), (right, bottom), (right, y), (x, y)]
    return shapely.MultiPolygon([shapely.Polygon(ring)])
