"""The demo's data set meets each rule that decides bytes, on both of its sides.

What is tracked of it proves a rule only where the data depend on the rule.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from ben_assets.bigearthnet.archive_contents import members
from ben_assets.bigearthnet.bands import BANDS
from ben_assets.bigearthnet.countries import COUNTRIES, select_countries
from ben_assets.bigearthnet.legend import LABEL_OF_CODE
from ben_assets.bigearthnet.reproject import to_utm
from ben_assets.safe.band_rasters import read_band
from ben_assets.safe.l2a import read_l2a
from ben_assets.synthetic.tiles import GOLDEN_TILES, DemoTile
from ben_assets_tests.support.pipeline import Pipeline
from resources.inputs.pins import CLOUD, SNOW
from resources.inputs.pins import COUNTRIES as COUNTRIES_FILE

pytestmark = pytest.mark.timeout(300)

SUMMER, SPRING, WINTER, FALL, SOUTH = GOLDEN_TILES
PIXELS_OF_MAP = 120 * 120


def cells(golden: Pipeline, tile: DemoTile) -> pd.DataFrame:
    """Everything known of a tile's cells, by (column, row)."""
    tables = [
        gpd.read_parquet(golden.storage.table_path("patches", tile.key)),
        pd.read_parquet(golden.storage.table_path("metadata_tables", tile.key)),
    ]
    new = tables[1].columns.difference(tables[0].columns)
    both = tables[0].merge(tables[1][["patch_id", *new]], on="patch_id")
    return both.set_index(["x", "y"], drop=False)


def codes(golden: Pipeline, tile: DemoTile) -> dict[tuple[int, int], dict[int, int]]:
    """Cell to the pixels of each CORINE code in its reference map."""
    path = golden.storage.table_path("reference_maps", tile.key)
    table = pd.read_parquet(path)
    cell = table["patch_id"].str[-5:].str.split("_", expand=True).astype(int)
    found: dict[tuple[int, int], dict[int, int]] = {}
    for x, y, code, pixels in zip(
        cell[0], cell[1], table["clc_code"], table["pixels"], strict=True
    ):
        found.setdefault((x, y), {})[int(code)] = int(pixels)
    return found


def unlabelled(pixels_of_code: dict[int, int]) -> int:
    return sum(n for code, n in pixels_of_code.items() if not LABEL_OF_CODE.get(code))


def release_table(golden: Pipeline, name: str) -> pd.DataFrame:
    return pd.read_parquet(golden.data / "release_metadata" / name)


def test_every_season_has_a_tile_and_31_may_is_of_winter(golden):
    seasons = {
        tile.mgrs: set(cells(golden, tile)["season"]) for tile in GOLDEN_TILES[:4]
    }
    assert seasons == {
        "33UUP": {"summer"},
        "31UGQ": {"spring"},
        "31UGP": {"winter"},
        "34TEN": {"fall"},
    }
    assert WINTER.start_time.strftime("%d %B") == "31 May"


@pytest.mark.parametrize(
    ("tile", "cell", "sensing"),
    [
        (SUMMER, (2, 2), "20180601T000000"),
        (SUMMER, (3, 3), "20180831T000000"),
        (SPRING, (2, 2), "20180301T000000"),
        (SPRING, (3, 3), "20180531T000000"),
        (FALL, (0, 0), "20170901T000000"),
        (FALL, (1, 0), "20171130T000000"),
        (FALL, (2, 0), None),  # 30 November after midnight
        (FALL, (1, 2), None),  # 31 August at midnight
        (FALL, (2, 2), None),  # 31 August at its last second
        (WINTER, (1, 0), "20170831T105021"),
        (WINTER, (2, 0), "20171130T000001"),
        (WINTER, (0, 1), "20180531T105031"),  # beside one of 30 May
        (WINTER, (1, 1), "20180228T235959"),
        (WINTER, (2, 1), "20171201T000000"),
        (WINTER, (2, 2), None),  # 31 May at midnight
    ],
)
def test_v1_patches_lie_on_both_sides_of_each_border_of_a_season(
    golden, tile, cell, sensing
):
    assert len(tile.v1_of_cell[cell]) >= 1
    name = cells(golden, tile).loc[cell, "s2v1_name"]
    assert (None if pd.isna(name) else name.split("_")[2]) == sensing


def test_kept_patches_have_snow_cloud_both_and_neither(golden):
    found = set()
    for tile in GOLDEN_TILES:
        kept = cells(golden, tile).query("kept")
        flags = kept[["contains_seasonal_snow", "contains_cloud_or_shadow"]]
        found |= set(flags.itertuples(index=False, name=None))
    assert found == {
        (True, False),
        (False, True),
        (True, True),
        (False, False),
    }
    lists = [golden.synthetic.reference_dir / name for name in (SNOW, CLOUD)]
    assert all(path.read_bytes().count(b"\r\n") > 1 for path in lists)


def test_a_failed_quality_check_leaves_patches_and_maps_without_labels(golden):
    record = golden.storage.require("metadata_tables", FALL.key)
    assert record.facts.failed_quality_checks == {"RADIOMETRIC_QUALITY": "FAILED"}
    maps = codes(golden, FALL)
    assert len(maps) == 4
    assert any(unlabelled(found) < PIXELS_OF_MAP // 4 for found in maps.values())
    assert cells(golden, FALL)["labels"].isna().all()


def test_a_quarter_without_labels_is_too_much_and_a_pixel_less_is_not(golden):
    table, maps = cells(golden, WINTER), codes(golden, WINTER)
    assert unlabelled(maps[0, 0]) == PIXELS_OF_MAP // 4
    assert table.loc[(0, 0), "labels"] is None
    assert unlabelled(maps[1, 0]) == PIXELS_OF_MAP // 4 - 1
    assert list(table.loc[(1, 0), "labels"]) == ["Arable land"]
    assert table.loc[[(0, 0), (1, 0)], "s2v1_name"].notna().all()


def test_maps_hold_uncovered_ground_or_nothing_else_or_are_left_out(golden):
    maps = codes(golden, WINTER)
    assert maps[1, 2][999] == 2 * 120
    assert maps[2, 1] == {999: PIXELS_OF_MAP}
    assert (1, 1) not in maps
    cell = cells(golden, WINTER).loc[(1, 1)]
    assert cell["valid"]
    assert cell["s2v1_name"]


def test_the_lower_id_as_text_lies_on_top_and_then_the_lower_code(golden):
    maps = codes(golden, WINTER)
    # EU_100000 over EU_99999, EU_88888 over the later EU_90000
    assert maps[2, 0] == {
        112: 30 * 30,
        121: 40 * 30 - 30 * 20,
        231: 60 * 120 - 30 * 30 - (40 * 30 - 30 * 20),
        311: 60 * 120,
    }
    # both of EU_77777
    assert maps[1, 2] == {243: 118 * 120 - 1, 512: 1, 999: 2 * 120}


def test_parts_of_a_multipolygon_count_one_by_one(golden):
    """By the even-odd rule their overlap would be a hole."""
    overlap = 40 * 40
    assert codes(golden, WINTER)[0, 1][312] == 2 * 60 * 60 - overlap


def test_labels_hold_a_comma_and_one_pixel_is_enough(golden):
    labels = list(cells(golden, WINTER).loc[(1, 2), "labels"])
    assert labels[0] == "Inland waters"
    assert ", with significant areas" in labels[1]
    text = (golden.data / "release_metadata/patch_id_label_mapping.csv").read_text()
    assert ',"Land principally occupied by agriculture, with ' in text


def distances(golden: Pipeline, tile: DemoTile) -> tuple[pd.DataFrame, np.ndarray]:
    """The cells and their distance to each of ``COUNTRIES``, shape (cells, 10)."""
    table = cells(golden, tile)
    path = golden.synthetic.reference_dir / COUNTRIES_FILE
    countries = select_countries(gpd.read_file(path), "countries")
    outlines = to_utm(countries.geometry.to_numpy(), 4326, tile.l1c_name.epsg)
    squares = table["geometry"].to_numpy()
    return table, np.stack([shapely.distance(squares, one) for one in outlines], axis=1)


@pytest.mark.parametrize(
    ("tile", "first", "second", "is_touching"),
    [
        (SPRING, "Belgium", "Luxembourg", True),
        (FALL, "Serbia", "Kosovo", True),
        (WINTER, "Belgium", "Luxembourg", False),
    ],
)
def test_two_countries_are_equally_near_and_one_comes_first(
    golden, tile, first, second, is_touching
):
    table, apart = distances(golden, tile)
    to_first, to_second = (apart[:, COUNTRIES.index(n)] for n in (first, second))
    is_tie = (to_first == to_second) & (to_first == apart.min(axis=1))
    assert is_tie.sum() >= 2
    assert ((to_first[is_tie] == 0) == is_touching).all()
    assert set(table["country"][is_tie]) == {first}


def test_the_later_of_two_countries_has_patches_as_well(golden):
    assert "Luxembourg" in set(cells(golden, SPRING)["country"])
    assert "Kosovo" in set(cells(golden, FALL)["country"])


def test_centres_lie_close_to_both_borders_of_the_splits_on_both_sides(golden):
    outer, inner = [], []
    for tile in GOLDEN_TILES:
        side = tile.geocoding(6_600).side_m
        table = cells(golden, tile)
        across = table[["x", "y"]].to_numpy() * 1_200 + 600
        inset = np.minimum(across, side - across).min(axis=1)
        frames = (side * (2 - np.sqrt(2)) / 4, side / 4)
        for frame, seen in zip(frames, (outer, inner), strict=True):
            seen += zip(inset - frame, table["split"], strict=True)
    for seen, within, beyond in (
        (outer, "train", "validation"),
        (inner, "validation", "test"),
    ):
        close = {split for offset, split in seen if -31 < offset <= 0}
        assert close == {within}
        assert {split for offset, split in seen if 0 < offset < 31} == {beyond}


def test_zeros_in_the_last_column_and_beyond_the_grid_change_no_neighbour(golden):
    product = golden.data / "l2a_tiles"
    (found,) = product.glob("*T34TEN*.SAFE")
    zeros = {
        band.name: np.argwhere(read_band(read_l2a(found), band) == 0).tolist()
        for band in BANDS
    }
    assert {name: places for name, places in zeros.items() if places} == {
        "B01": [[30, 60]],
        "B08": [[180, 239]],
        "B11": [[150, 30]],
    }
    valid = cells(golden, FALL)["valid"]
    assert valid[~valid].index.tolist() == [(0, 2), (1, 1)]


def test_the_swath_ends_in_a_tile(golden):
    valid = cells(golden, SUMMER)["valid"]
    assert 2 <= (~valid).sum() <= 8
    assert not valid[4, 0]


def test_all_names_in_archives_are_long_ones(golden):
    for path in (golden.data / "release_archives").glob("*.tar.zst"):
        names = [name for name, _ in members(path)]
        assert len(names) > 40
        assert all(len(name.encode()) > 100 for name in names)


def test_an_own_tile_south_of_the_equator_lies_beside_v1_tiles(golden):
    table = cells(golden, SOUTH)
    assert table.crs.to_epsg() == 32734
    assert table["s2v1_name"].isna().all()
    assert set(table["country"]) == {"South Africa"}
    assert table["kept"].sum() >= 5
    own = release_table(golden, "metadata_own_tiles.parquet")
    assert sorted(own["patch_id"]) == sorted(table[table["kept"]]["patch_id"])
    for name in ("metadata", "metadata_for_patches_with_snow_cloud_or_shadow"):
        assert len(release_table(golden, f"{name}.parquet")) >= 3
