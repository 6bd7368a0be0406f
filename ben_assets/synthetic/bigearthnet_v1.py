"""What BigEarthNet v1 would have had here: footprints, Sentinel-1 names, lists.

Most cells of a tile have a v1 patch of its season; some have none, some only one of
another season, some both.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import rasterio
import shapely
from affine import Affine

from ben_assets.bigearthnet.bands import PATCH_SIZE_M, REFERENCE_MAP_PIXELS
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.synthetic.scene import KINDS
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


_VV_OF_KIND: Final = {"village": -6.0, "built": -3.5, "water": -20.5, "rock": -9.0}
_VV_OF_FOREST: Final = dict.fromkeys(("broadleaf", "conifer", "mixed"), -9.5)
_VV_ELSEWHERE: Final = -12.0
_VH_BELOW_VV: Final = 6.5


def write_sentinel1(
    root: Path,
    patch: FirstVersionPatch,
    kinds: npt.NDArray[np.uint8],
    grid: TileGeocoding,
) -> None:
    """Write ``<s1_name>/<s1_name>_VV.tif``, ``_VH.tif`` and the JSON file beside them.

    Backscatter in dB, float32, 120 x 120 pixels of 10 m; it depends on the kind of
    ground alone.

    Args:
        root: the Sentinel-1 root.
        patch: the v1 patch whose matching patch it is.
        kinds: kind of ground on the tile's 10 m grid.
        grid: the tile.
    """
    folder = root / patch.s1_name
    folder.mkdir(parents=True)
    x, y = patch.corner
    row, column = (grid.uly - y) // 10, (x - grid.ulx) // 10
    side = REFERENCE_MAP_PIXELS
    ground = kinds[row : row + side, column : column + side]
    vertical = _backscatter()[ground]
    for name, pixels in (("VV", vertical), ("VH", vertical - np.float32(_VH_BELOW_VV))):
        path = folder / f"{patch.s1_name}_{name}.tif"
        _write_tif(path, pixels, Affine(10, 0, x, 0, -10, y), patch.epsg)
    labels = json.dumps({"corresponding_s2_patch": patch.name})
    (folder / f"{patch.s1_name}_labels_metadata.json").write_text(labels)


def _backscatter() -> npt.NDArray[np.float32]:
    values = {**_VV_OF_KIND, **_VV_OF_FOREST}
    return np.array([values.get(kind, _VV_ELSEWHERE) for kind in KINDS], np.float32)


def _write_tif(
    path: Path, pixels: npt.NDArray[np.float32], transform: Affine, epsg: int
) -> None:
    rows, cols = pixels.shape
    profile = {"driver": "GTiff", "count": 1, "dtype": "float32", "compress": "deflate"}
    with rasterio.open(
        path,
        "w",
        **profile,
        height=rows,
        width=cols,
        crs=f"EPSG:{epsg}",
        transform=transform,
    ) as raster:
        raster.write(pixels, 1)
