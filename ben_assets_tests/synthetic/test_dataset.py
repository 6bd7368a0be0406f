from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import rasterio
import shapely

from ben_assets.bigearthnet.alignment import align, check_footprints
from ben_assets.bigearthnet.bands import BANDS
from ben_assets.bigearthnet.countries import (
    COUNTRIES,
    nearest_country,
    select_countries,
)
from ben_assets.bigearthnet.legend import CLC2018
from ben_assets.bigearthnet.patch_grid import (
    SPLITS,
    cells_without_nodata,
    split_of_cell,
)
from ben_assets.bigearthnet.product_names import ProductName
from ben_assets.bigearthnet.reference_map import (
    prepare_polygons,
    rasterize,
    read_geopackage,
)
from ben_assets.bigearthnet.seasons import season_of
from ben_assets.safe.band_rasters import read_band, verify_bands
from ben_assets.safe.l2a import L2AProduct, read_l2a
from ben_assets.synthetic.dataset import SyntheticData, make_synthetic_data
from ben_assets.synthetic.landscape import make_landscape
from ben_assets.synthetic.tiles import DEMO_SIDE_M, DEMO_TILES, OWN_TILE

TILES = (*DEMO_TILES, OWN_TILE)
SUMMER, SPRING, OWN = TILES


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> SyntheticData:
    return make_synthetic_data(tmp_path_factory.mktemp("synthetic"), tiles=TILES)


def product(synthetic: SyntheticData, tile) -> L2AProduct:
    return read_l2a(synthetic.l2a_dir / f"{tile.l2a_name.name}.SAFE")


def valid_cells(found: L2AProduct) -> np.ndarray:
    cells = found.geocoding.cells
    layers = [
        cells_without_nodata(read_band(found, band), band, cells) for band in BANDS
    ]
    return np.logical_and.reduce(layers)


def clc_raster(synthetic: SyntheticData, tile) -> np.ndarray:
    grid = tile.geocoding(DEMO_SIDE_M)
    path = synthetic.reference_dir / "U2018_CLC2018_V2020_20u1.gpkg"
    return rasterize(prepare_polygons(read_geopackage(path, grid), grid, "clc"), grid)


def pixels_of_codes(raster: np.ndarray, cells: int) -> list[dict[int, int]]:
    counts = []
    for column in range(cells):
        for row in range(cells):
            window = np.s_[
                row * 120 : row * 120 + 120, column * 120 : column * 120 + 120
            ]
            codes, pixels = np.unique(raster[window], return_counts=True)
            counts.append(dict(zip(codes.tolist(), pixels.tolist(), strict=True)))
    return counts


def v1_footprints(synthetic: SyntheticData, epsg: int) -> gpd.GeoDataFrame:
    return gpd.read_parquet(
        synthetic.reference_dir / f"bigearthnet_v1_spatial_{epsg}.parquet"
    )


def aligned_cells(synthetic: SyntheticData, tile) -> dict[tuple[int, int], str]:
    grid = tile.geocoding(DEMO_SIDE_M)
    footprints = v1_footprints(synthetic, grid.epsg)
    check_footprints(footprints, grid.epsg, "v1")
    return align(footprints, grid, season_of(tile.start_time), tile.key)


def test_the_tile_list_names_every_tile_with_its_alignment(synthetic):
    rows = pd.read_csv(synthetic.tiles_csv)
    assert dict(zip(rows["tile"], rows["alignment"], strict=True)) == {
        SUMMER.name: "v1",
        SPRING.name: "v1",
        OWN.name: "none",
    }
    keys = tuple(ProductName.parse(name).tile_key for name in rows["tile"])
    assert synthetic.tile_keys == keys


def test_settings_name_folders_that_exist(synthetic):
    settings = synthetic.settings()
    del settings[
        "BEN_TRACKED_ARTIFACTS"
    ]  # nothing is tracked of this synthetic data set
    assert set(settings) == {
        "BEN_TILES_CSV",
        "BEN_L2A_DIR",
        "BEN_REFERENCE_DIR",
        "BEN_S1_DIR",
    }
    assert all(Path(value).exists() for value in settings.values())


@pytest.mark.parametrize("tile", TILES, ids=lambda tile: tile.mgrs)
def test_tiles_are_of_baseline_0206_and_no_tile_of_bigearthnet(tile):
    assert tile.key == f"T{tile.mgrs}_{tile.l1c_name.acquisition.sensing}"
    assert tile.l1c_name.baseline == "0206"
    assert "N9999_" in tile.l2a_name.name


def test_a_tile_lies_at_the_corner_of_its_100_km_square_on_the_60_m_grid():
    """33UUP's corner is that of the real tile; the others' follow from the rule."""
    assert (SUMMER.ulx, SUMMER.uly) == (300_000, 5_400_000)
    for tile, square in ((SPRING, (700_000, 5_500_000)), (OWN, (400_000, 4_500_000))):
        assert tile.ulx == square[0] // 60 * 60
        assert tile.uly == -(-square[1] // 60) * 60


@pytest.mark.parametrize("tile", TILES, ids=lambda tile: tile.mgrs)
def test_an_l2a_product_reads_back_with_its_place_time_and_quality(synthetic, tile):
    found = product(synthetic, tile)
    verify_bands(found)
    assert found.name == tile.l2a_name
    assert found.geocoding == tile.geocoding(DEMO_SIDE_M)
    assert found.start_time == tile.start_time
    assert found.start_time.microsecond == 26_000
    assert found.failed_quality_checks == {}


def test_the_swath_ends_in_the_first_tile_on_the_same_ground_in_all_bands(synthetic):
    found = product(synthetic, SUMMER)
    masks = {}
    for band in BANDS:
        empty = read_band(found, band) == 0
        if band.name == "B11":
            empty = without_lone_pixel(empty)
        times = 60 // band.gsd_m
        blocks = empty.reshape(110, times, 110, times)
        assert (blocks.all(axis=(1, 3)) == blocks.any(axis=(1, 3))).all()
        masks[band.name] = blocks.any(axis=(1, 3))
    assert 0.05 < masks["B01"].mean() < 0.4
    assert all((mask == masks["B01"]).all() for mask in masks.values())


def without_lone_pixel(empty: np.ndarray) -> np.ndarray:
    row, column = 5 * 60 - 30, 30
    assert empty[row, column]
    assert not empty[row, column - 1]
    cleared = empty.copy()
    cleared[row, column] = False
    return cleared


def test_one_pixel_of_one_band_makes_the_lower_left_patch_invalid(synthetic):
    found = product(synthetic, SPRING)
    zeros = {band.name: (read_band(found, band) == 0).sum() for band in BANDS}
    assert {name: n for name, n in zeros.items() if n} == {"B11": 1}
    assert np.argwhere(~valid_cells(found)).tolist() == [[4, 0]]


@pytest.mark.parametrize("tile", DEMO_TILES, ids=lambda tile: tile.mgrs)
def test_patches_have_several_labels_and_some_have_none(synthetic, tile):
    codes = pixels_of_codes(clc_raster(synthetic, tile), 5)
    labels = [CLC2018.labels_of(patch, 0.25) for patch in codes]
    numbers = [len(found) for found in labels if found is not None]
    assert 1 <= labels.count(None) <= 5
    assert 2 <= np.median(numbers) <= 5
    assert len({label for found in labels if found for label in found}) >= 8
    everything = {code for patch in codes for code in patch}
    assert {112, 211, 312, 511, 512, 131, 142, 999} <= everything
    assert len(everything) >= 11


@pytest.mark.parametrize("tile", DEMO_TILES, ids=lambda tile: tile.mgrs)
def test_the_quarry_takes_the_labels_of_its_patch(synthetic, tile):
    """At least a quarter of patch (2, 0) is unlabelled."""
    codes = pixels_of_codes(clc_raster(synthetic, tile), 5)[2 * 5 + 0]
    assert codes[131] / 14_400 >= 0.25
    assert CLC2018.labels_of(codes, 0.25) is None


def test_corine_has_the_layout_of_the_real_file(synthetic):
    path = synthetic.reference_dir / "U2018_CLC2018_V2020_20u1.gpkg"
    table = gpd.read_file(path, layer="U2018_CLC2018_V2020_20u1")
    assert set(table.columns) == {"Code_18", "Remark", "Area_Ha", "ID", "geometry"}
    assert table.crs.to_epsg() == 3035
    assert set(table.geom_type) == {"MultiPolygon"}
    assert table.is_valid.all()
    assert table["ID"].is_unique
    assert np.allclose(table["Area_Ha"], table.area / 10_000)
    assert (table.area > 1.44e6).any(), "no polygon is larger than a patch"
    assert any(len(part.interiors) for part in table.explode().geometry)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_land_cover_polygons_do_not_overlap_and_leave_one_gap(seed):
    grid = SUMMER.geocoding(DEMO_SIDE_M)
    polygons = [cover.polygon for cover in make_landscape(grid, seed)]
    together = shapely.union_all(polygons)
    assert sum(p.area for p in polygons) - together.area < 20
    gap = shapely.box(*grid.bounds()).difference(together)
    assert 30_000 < gap.area < 100_000


def test_v1_footprints_have_the_schema_of_the_published_files(synthetic):
    path = synthetic.reference_dir / "bigearthnet_v1_spatial_32633.parquet"
    schema = pq.read_schema(path)
    assert schema.names == ["patch_name", "sensing_time", "geom"]
    assert str(schema.field("sensing_time").type) == "timestamp[ms, tz=UTC]"
    geo = json.loads(schema.metadata[b"geo"])
    assert geo["primary_column"] == "geom"
    assert geo["columns"]["geom"]["encoding"] == "WKB"
    assert geo["columns"]["geom"]["geometry_types"] == ["MultiPolygon"]
    assert geo["columns"]["geom"]["crs"]["id"] == {"authority": "EPSG", "code": 32633}


@pytest.mark.parametrize("tile", DEMO_TILES, ids=lambda tile: tile.mgrs)
def test_most_cells_align_and_others_have_no_twin_or_one_of_another_season(
    synthetic, tile
):
    footprints = v1_footprints(synthetic, tile.l1c_name.epsg)
    aligned = aligned_cells(synthetic, tile)
    assert 18 <= len(aligned) < 25
    assert len(footprints) > len(aligned)
    valid = valid_cells(product(synthetic, tile))
    kept = [cell for cell in aligned if valid[cell[1], cell[0]]]
    assert len(kept) >= 12


def test_a_zone_without_v1_has_no_footprints(synthetic):
    names = {path.name for path in synthetic.reference_dir.glob("*.parquet")}
    assert names == {
        "bigearthnet_v1_spatial_32631.parquet",
        "bigearthnet_v1_spatial_32633.parquet",
    }


def test_every_v1_patch_has_one_sentinel_1_twin_with_both_polarisations(synthetic):
    mapping = pd.read_csv(synthetic.reference_dir / "s1s2_mapping.csv", header=None)
    names = [
        name
        for epsg in (32631, 32633)
        for name in v1_footprints(synthetic, epsg)["patch_name"]
    ]
    assert sorted(mapping[0]) == sorted(names)
    assert mapping[1].is_unique
    for s1_name in mapping[1]:
        folder = synthetic.s1_dir / s1_name
        assert (folder / f"{s1_name}_VV.tif").is_file()
        assert (folder / f"{s1_name}_VH.tif").is_file()


def test_a_sentinel_1_patch_lies_on_its_v1_square(synthetic):
    footprints = v1_footprints(synthetic, 32631).set_index("patch_name")
    mapping = pd.read_csv(synthetic.reference_dir / "s1s2_mapping.csv", header=None)
    matches = dict(zip(mapping[0], mapping[1], strict=True))
    name = footprints.index[10]
    path = synthetic.s1_dir / matches[name] / f"{matches[name]}_VV.tif"
    with rasterio.open(path) as raster:
        assert raster.dtypes == ("float32",)
        assert raster.shape == (120, 120)
        assert raster.crs.to_epsg() == 32631
        assert shapely.box(*raster.bounds).equals(footprints.geometry[name])
        pixels = raster.read(1)
    assert -25 < pixels.min() <= pixels.max() < 0
    assert len(np.unique(pixels)) > 1


def test_snow_and_cloud_lists_name_v1_patches_and_share_one(synthetic):
    lists = [
        set((synthetic.reference_dir / name).read_text().split())
        for name in (
            "patches_with_seasonal_snow.csv",
            "patches_with_cloud_and_shadow.csv",
        )
    ]
    known = set(
        pd.read_csv(synthetic.reference_dir / "s1s2_mapping.csv", header=None)[0]
    )
    assert all(names and names <= known for names in lists)
    assert lists[0] & lists[1]
    aligned = set(aligned_cells(synthetic, SUMMER).values())
    assert all(names & aligned for names in lists)


def test_countries_and_splits_vary_and_germany_counts_for_none(synthetic):
    path = synthetic.reference_dir / "ne_110m_admin_0_countries.geojson"
    table = gpd.read_file(path)
    assert set(table["NAME_LONG"]) == {*COUNTRIES, "Germany", "South Africa"}
    assert table.is_valid.all()
    countries = select_countries(table, "countries")
    found = {}
    for tile in TILES:
        grid = tile.geocoding(DEMO_SIDE_M)
        corners = [grid.corner(*cell) for cell in grid.cell_names()]
        squares = np.array([shapely.box(x, y - 1200, x + 1200, y) for x, y in corners])
        found[tile.mgrs] = set(nearest_country(squares, grid.epsg, countries).names)
        assert {split_of_cell(grid, *cell) for cell in grid.cell_names()} == set(SPLITS)
    assert found == {
        "33UUP": {"Austria"},
        "31UGQ": {"Belgium", "Luxembourg"},
        "30TVK": {"Portugal"},
    }


def test_seasons_of_the_tiles_differ():
    assert [season_of(tile.start_time) for tile in DEMO_TILES] == ["summer", "spring"]


def test_an_l1c_zip_shows_the_same_ground_under_haze(synthetic):
    surface = read_band(product(synthetic, SUMMER), BANDS[1])
    name = ProductName.parse(SUMMER.name)
    zip_path = synthetic.l1c_dir / f"{SUMMER.name}.zip"
    with zipfile.ZipFile(zip_path) as archive:
        (member,) = [n for n in archive.namelist() if n.endswith("_B02.jp2")]
        assert member.startswith(f"{name.name}.SAFE/GRANULE/L1C_T33UUP_A016035_")
        with rasterio.open(f"/vsizip/{zip_path}/{member}") as raster:
            above = raster.read(1)
    assert ((above == 0) == (surface == 0)).all()
    assert (above[above > 0] > surface[surface > 0]).all()


def test_the_same_seed_gives_the_same_data_set(tmp_path):
    digests = []
    for name in ("a", "b"):
        synthetic = make_synthetic_data(
            tmp_path / name, side_m=2_460, tiles=DEMO_TILES[:1]
        )
        files = [
            path
            for path in sorted(synthetic.root.rglob("*"))
            # SQLite stores the time of its last change
            if path.is_file() and path.suffix != ".gpkg"
        ]
        digests.append(
            {
                path.relative_to(synthetic.root): hashlib.sha256(
                    path.read_bytes()
                ).hexdigest()
                for path in files
            }
        )
    assert len(digests[0]) > 50
    assert digests[0] == digests[1]


@pytest.mark.parametrize("side_m", [6_610, 1_140])
def test_a_side_without_whole_60_m_pixels_or_patches_is_refused(tmp_path, side_m):
    with pytest.raises(
        ValueError, match=f"multiple of 60 from 1200 on, found {side_m}"
    ):
        make_synthetic_data(tmp_path, side_m=side_m)


def test_a_data_set_is_not_made_over_another(tmp_path):
    make_synthetic_data(tmp_path, side_m=1_200, tiles=[OWN], l1c=False, l2a=False)
    with pytest.raises(FileExistsError, match="L1C"):
        make_synthetic_data(tmp_path, side_m=1_200)
