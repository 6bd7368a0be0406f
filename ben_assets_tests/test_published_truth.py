"""What was published comes out of our rules and our writer again, row by row."""

from __future__ import annotations

import hashlib

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import shapely

from ben_assets.bigearthnet.alignment import align
from ben_assets.bigearthnet.countries import nearest_country
from ben_assets.bigearthnet.patch_grid import (
    FULL_TILE_SIDE_M,
    TileGeocoding,
    grid_of_mgrs,
    split_of_cell,
)
from ben_assets.bigearthnet.product_names import ProductName
from ben_assets.bigearthnet.release_tables import (
    HAS_SNOW_CLOUD_OR_SHADOW,
    NO_SNOW_CLOUD_OR_SHADOW,
    write_parquet,
)
from ben_assets.bigearthnet.seasons import season_of
from ben_assets_tests.support.shared import SHARED, needs
from resources.inputs.pins import load_published
from resources.inputs.reference import ReferenceInputs
from resources.settings import Settings

MD5 = {
    name: load_published()["release"][name]["md5"]
    for name in (NO_SNOW_CLOUD_OR_SHADOW, HAS_SNOW_CLOUD_OR_SHADOW)
}
"""As published; in ``tracked-artifacts/published.toml``."""
pytestmark = needs(
    *(f"reference/{name}" for name in MD5),
    "reference/ne_110m_admin_0_countries.geojson",
    "reference/s1s2_mapping.csv.bz2",
    "reference/ben-v1-metadata/bigearthnet_v1_spatial_32629.parquet",
)
ROWS = 549_488


def grid_of(tile_id: str) -> TileGeocoding:
    name = ProductName.parse(f"{tile_id}_20240101T000000")
    return grid_of_mgrs(name.acquisition.mgrs)


@pytest.fixture(scope="module")
def published() -> pd.DataFrame:
    """All published rows, with tile id, column and row taken from the patch id."""
    parts = [pq.read_table(SHARED / "reference" / name).to_pandas() for name in MD5]
    table = pd.concat(parts, ignore_index=True)
    table["tile_id"] = table["patch_id"].str[:-6]
    table["x"] = table["patch_id"].str[-5:-3].astype(int)
    table["y"] = table["patch_id"].str[-2:].astype(int)
    assert len(table) == ROWS
    return table


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> ReferenceInputs:
    settings = {
        "BEN_REFERENCE_DIR": str(SHARED / "reference"),
        "BEN_DATA_DIR": str(tmp_path_factory.mktemp("data")),
    }
    return ReferenceInputs.from_settings(Settings(settings))


@pytest.mark.parametrize("name", MD5)
def test_a_published_parquet_file_comes_back_from_its_rows_in_any_order(tmp_path, name):
    table = pq.read_table(SHARED / "reference" / name)
    order = np.random.default_rng(1).permutation(len(table))
    shuffled: pa.Table = pc.take(table, pa.array(order))
    path = tmp_path / name
    assert write_parquet(path, shuffled, has_v1=True) == len(table)
    assert hashlib.md5(path.read_bytes()).hexdigest() == MD5[name]


def test_a_published_parquet_file_comes_back_from_a_pandas_frame(tmp_path):
    """The way of our own tables."""
    table = pq.read_table(SHARED / "reference" / HAS_SNOW_CLOUD_OR_SHADOW).to_pandas()
    path = tmp_path / HAS_SNOW_CLOUD_OR_SHADOW
    write_parquet(path, table.sample(frac=1, random_state=1), has_v1=True)
    assert hashlib.md5(path.read_bytes()).hexdigest() == MD5[HAS_SNOW_CLOUD_OR_SHADOW]


def test_every_published_split_follows_from_the_patch_id(published):
    grid = TileGeocoding(32633, 300_000, 5_400_000, FULL_TILE_SIDE_M)
    split = {cell: split_of_cell(grid, *cell) for cell in grid.cell_names()}
    cells = zip(published["x"], published["y"], strict=True)
    found = np.array([split[cell] for cell in cells])
    assert (found == published["split"].to_numpy()).sum() == ROWS


def test_every_published_country_follows_from_the_square(published, inputs):
    countries = inputs.countries()
    found = pd.Series("", index=published.index)
    published = published.assign(mgrs=published["tile_id"].str[-5:])
    squares = published[["mgrs", "x", "y"]].drop_duplicates()
    parts = []
    for mgrs, cells in squares.groupby("mgrs"):
        grid = grid_of_mgrs(mgrs)
        west, north = grid.ulx + cells["x"] * 1200, grid.uly - cells["y"] * 1200
        boxes = shapely.box(west, north - 1200, west + 1200, north)
        names = nearest_country(boxes, grid.epsg, countries).names
        parts.append(cells.assign(found=names))
    found = published.merge(pd.concat(parts), on=["mgrs", "x", "y"], how="left")
    assert (found["found"] == found["country"]).sum() == ROWS


def test_every_published_v1_name_follows_from_season_and_square(published, inputs):
    right = 0
    footprints: dict[int, gpd.GeoDataFrame | None] = {}
    for tile_id, rows in published.groupby("tile_id"):
        grid = grid_of(tile_id)
        if grid.epsg not in footprints:
            footprints[grid.epsg] = inputs.v1_footprints(grid.epsg)
        time = ProductName.parse(f"{tile_id}_20240101T000000").sensing_time
        names = align(footprints[grid.epsg], grid, season_of(time), tile_id)
        cells = zip(rows["x"], rows["y"], strict=True)
        right += sum(
            names.get(cell) == name
            for cell, name in zip(cells, rows["s2v1_name"], strict=True)
        )
    assert right == ROWS


def test_every_published_sentinel_1_patch_snow_and_cloud_follows(published, inputs):
    v1_names = published["s2v1_name"]
    s1_names = inputs.s1_names(v1_names)
    assert (v1_names.map(s1_names) == published["s1_name"]).sum() == ROWS
    snow, cloud = v1_names.isin(inputs.snow()), v1_names.isin(inputs.cloud())
    assert (snow == published["contains_seasonal_snow"]).all()
    assert (cloud == published["contains_cloud_or_shadow"]).all()
