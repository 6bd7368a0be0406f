"""``ben doctor`` before a run of own tiles: how far does their land cover reach?"""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.cli.finding import Finding, State
from ben_assets.cli.recipe_findings import land_cover_findings, recipe_findings
from resources.settings import Settings

# in Kenya: from 2.7 to 3.7 degrees south, so of two files of WorldCover
TILE = Tile("S2B_MSIL2A_20230713T073211_N0509_R049_T37MCS_20230713T103712", "none")
NORTHERN, SOUTHERN = (
    f"ESA_WorldCover_10m_2021_v200_{corner}E036_Map.tif" for corner in ("S03", "S06")
)
RASTERS = '[land_cover]\npath = "cover"\nlegend = "{}"\nyear = 2021\n'


def settings(root: Path, recipe: str) -> Settings:
    (root / "kenya.toml").write_text(recipe)
    return Settings(
        {
            "BEN_RECIPE": str(root / "kenya.toml"),
            "BEN_DATA_DIR": str(root / "data"),
        }
    )


@pytest.fixture
def cover(tmp_path) -> Path:
    (tmp_path / "cover").mkdir()
    return tmp_path / "cover"


def write_square(path: Path, north: float) -> None:
    """A coarse raster of 3 x 3 degrees."""
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint8", "crs": 4326}
    profile |= {"width": 300, "height": 300, "nodata": 0}
    transform = from_origin(36, north, 0.01, 0.01)
    with rasterio.open(path, "w", transform=transform, **profile) as raster:
        raster.write(np.full((300, 300), 10, np.uint8), 1)


def found(root: Path, recipe: str) -> Finding:
    (finding,) = land_cover_findings([TILE], settings(root, recipe))
    return finding


def test_missing_files_of_worldcover_are_named(tmp_path, cover):
    none = found(tmp_path, RASTERS.format("worldcover"))
    assert none.state is State.LACKS
    assert f"get {NORTHERN}, {SOUTHERN} from https://" in none.detail
    write_square(cover / NORTHERN, 0)
    half = found(tmp_path, RASTERS.format("worldcover"))
    assert half.state is State.WARNS
    assert "T37MCS (7" in half.detail
    assert f"get {SOUTHERN} from https://" in half.detail
    write_square(cover / "any name.tif", -3)
    whole = found(tmp_path, RASTERS.format("worldcover"))
    assert (whole.state, whole.detail) == (
        State.OK,
        f"{cover} reaches over all of the tiles",
    )


def test_of_other_rasters_the_share_outside_is_told(tmp_path, cover):
    write_square(cover / "africa.tif", 0)
    half = found(tmp_path, RASTERS.format("clcplus_backbone"))
    assert half.state is State.WARNS
    assert half.detail.endswith("what is outside has no land cover (999)")


@pytest.mark.parametrize(("west", "state"), [(37, State.OK), (10, State.LACKS)])
def test_polygons_elsewhere_are_told(tmp_path, west, state):
    square = shapely.box(west, -4, west + 2, -2)
    table = gpd.GeoDataFrame({"code": [1]}, geometry=[square], crs=4326)
    table.to_file(tmp_path / "cover.gpkg")
    keys = 'path = "cover.gpkg"\ncode_column = "code"\n'
    recipe = f'[land_cover]\n{keys}legend = "worldcover"\nyear = 2021\n'
    assert found(tmp_path, recipe).state is state


def test_a_recipe_that_cannot_be_read_is_told_once(tmp_path):
    broken = settings(tmp_path, "[land_cover\n")
    assert list(land_cover_findings([TILE], broken)) == []


def test_tiles_of_bigearthnet_follow_no_recipe_of_the_user(tmp_path):
    v1 = Tile(TILE.name, "v1")
    assert list(recipe_findings([v1], settings(tmp_path, "[broken"))) == []
