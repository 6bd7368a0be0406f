from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from ben_assets.bigearthnet.bigearthnet_v1 import v1_sensing_time
from ben_assets.bigearthnet.errors import (
    InvalidInput,
    InvalidProductName,
    MissingInput,
)
from ben_assets.synthetic.bigearthnet_v1 import (
    first_version_patches,
    write_first_version,
)
from ben_assets.synthetic.tiles import DEMO_TILES
from ben_assets_tests.resources.conftest import require_flushed
from resources.inputs.v1_source import write_footprints

WEST, NORTH = 600000, 7000020


def write_raster(
    path: Path, epsg: int, corner: tuple[int, int], side: int = 20
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        dtype="uint16",
        count=1,
        width=side,
        height=side,
        crs=epsg,
        transform=from_origin(*corner, 60, 60),
    ) as raster:
        raster.write(np.ones((1, side, side), np.uint16))


def write_json(folder: Path, epsg: int, corner: tuple[int, int]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{folder.name}_labels_metadata.json").write_text(
        json.dumps(
            {
                "labels": ["Pastures"],
                "coordinates": {
                    "ulx": corner[0],
                    "uly": corner[1],
                    "lrx": corner[0] + 1200,
                    "lry": corner[1] - 1200,
                },
                "projection": rasterio.crs.CRS.from_epsg(epsg).to_wkt(),
            }
        )
    )


def test_the_footprints_of_a_v1_root_are_those_it_was_made_with(tmp_path):
    """Half of the patches by raster, half by JSON, in folders of several depths."""
    grid = DEMO_TILES[0].geocoding(3600)
    patches = first_version_patches(DEMO_TILES[0], grid)
    (tmp_path / "expected").mkdir()
    write_first_version(tmp_path / "expected", patches)
    for number, patch in enumerate(patches):
        folder = tmp_path / "v1" / ("deeper" if number % 3 else "") / patch.name
        if number % 2:
            write_raster(folder / f"{patch.name}_B01.tif", patch.epsg, patch.corner)
        else:
            write_json(folder, patch.epsg, patch.corner)
    made = write_footprints(tmp_path / "v1", tmp_path / "made", print)
    assert made == {32633: len(patches)}
    name = "bigearthnet_v1_spatial_32633.parquet"
    expected = gpd.read_parquet(tmp_path / "expected" / name)
    expected = expected.sort_values("patch_name", ignore_index=True)
    found = gpd.read_parquet(tmp_path / "made" / name)
    assert list(found.columns) == ["patch_name", "sensing_time", "geom"]
    assert found.crs == expected.crs
    assert found.equals(expected)


def test_the_raster_wins_over_the_json_file(tmp_path, calls):
    name = "S2A_MSIL2A_20170701T93031_0_0"
    write_json(tmp_path / name, 32635, (0, 0))
    write_raster(tmp_path / name / f"{name}_B01.tif", 32635, (WEST, NORTH))
    write_footprints(tmp_path, tmp_path / "made", print)
    path = tmp_path / "made" / "bigearthnet_v1_spatial_32635.parquet"
    require_flushed(calls, path)
    table = gpd.read_parquet(path)
    assert tuple(table.total_bounds) == (WEST, NORTH - 1200, WEST + 1200, NORTH)
    assert table["sensing_time"][0].isoformat() == "2017-07-01T09:30:31+00:00"
    ring = list(table.geometry[0].geoms[0].exterior.coords)
    assert ring[:2] == [(WEST, NORTH), (WEST, NORTH - 1200)]


@pytest.mark.parametrize(
    ("name", "time"),
    [
        ("S2A_MSIL2A_20170613T101031_0_45", "2017-06-13T10:10:31+00:00"),
        ("S2B_MSIL2A_20180204T94160_66_57", "2018-02-04T09:41:59+00:00"),
        ("S2B_MSIL2A_20180204T141099_6_7", "2018-02-04T14:10:59+00:00"),
    ],
    ids=["plain", "short hour, second 60", "afternoon, second 99"],
)
def test_quirks_of_times_in_v1_names(name, time):
    assert v1_sensing_time(name).isoformat() == time


@pytest.mark.parametrize("clock", ["250000", "106000"])
def test_a_time_that_does_not_exist_is_refused(clock):
    with pytest.raises(InvalidProductName, match="no such time"):
        v1_sensing_time(f"S2A_MSIL2A_20170613T{clock}_0_45")


def test_what_is_wrong_with_a_v1_root_is_said(tmp_path):
    with pytest.raises(MissingInput, match="found none"):
        write_footprints(tmp_path, tmp_path / "made", print)
    name = "S2A_MSIL2A_20170613T101031_0_45"
    (tmp_path / name).mkdir()
    with pytest.raises(MissingInput, match="found neither"):
        write_footprints(tmp_path, tmp_path / "made", print)
    raster = tmp_path / name / f"{name}_B01.tif"
    raster.write_bytes(b"II*\0")
    with pytest.raises(InvalidInput, match="cannot be read"):
        write_footprints(tmp_path, tmp_path / "made", print)
    raster.unlink()
    write_raster(raster, 32633, (WEST, NORTH), side=19)
    with pytest.raises(InvalidInput, match="expected a square of 1200 m"):
        write_footprints(tmp_path, tmp_path / "made", print)
    raster.unlink()
    write_raster(raster, 32630, (WEST, NORTH))
    with pytest.raises(InvalidInput, match="EPSG:32630"):
        write_footprints(tmp_path, tmp_path / "made", print)
    raster.unlink()
    for folder in (tmp_path / name, tmp_path / "again" / name):
        write_raster(folder / raster.name, 32633, (WEST, NORTH))
    with pytest.raises(InvalidInput, match="expected it once"):
        write_footprints(tmp_path, tmp_path / "made", print)
    assert not any((tmp_path / "made").glob("*.parquet"))
