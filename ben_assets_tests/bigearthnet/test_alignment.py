from __future__ import annotations

from datetime import UTC, datetime

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from ben_assets.bigearthnet.alignment import align, check_footprints
from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.bigearthnet.patch_grid import TileGeocoding

GRID = TileGeocoding(32633, 300_000, 5_400_000, 6_600)
SUMMER = datetime(2017, 7, 1, 10, tzinfo=UTC)
WINTER = datetime(2017, 12, 1, 10, tzinfo=UTC)


def footprints(*rows: tuple[str, datetime, float, float]) -> gpd.GeoDataFrame:
    """v1 squares by name, time and offset from the tile's corner in metres."""
    return gpd.GeoDataFrame(
        {
            "patch_name": [row[0] for row in rows],
            "sensing_time": pd.Series(
                [row[1] for row in rows], dtype="datetime64[ms, UTC]"
            ),
        },
        geometry=[
            shapely.box(
                GRID.ulx + x, GRID.uly - y - 1200, GRID.ulx + x + 1200, GRID.uly - y
            )
            for *_, x, y in rows
        ],
        crs=32633,
    ).rename_geometry("geom")


def test_only_the_very_same_square_aligns():
    table = footprints(
        ("same", SUMMER, 1200, 2400),
        ("shifted to the right", SUMMER, 2410, 2400),
        ("shifted down", SUMMER, 2400, 2410),
        ("last", SUMMER, 4800, 4800),
        ("in the dropped strip", SUMMER, 6000, 0),
        ("outside", SUMMER, -1200, 0),
    )
    assert align(table, GRID, "summer", "tile") == {(1, 2): "same", (4, 4): "last"}


@pytest.mark.parametrize(("width", "height"), [(2400, 1200), (1200, 2400), (600, 600)])
def test_another_size_does_not_align(width, height):
    table = footprints(("other", SUMMER, 1200, 2400))
    west, north = GRID.ulx + 1200, GRID.uly - 2400
    table["geom"] = [shapely.box(west, north - height, west + width, north)]
    assert align(table, GRID, "summer", "tile") == {}


def test_another_season_does_not_align():
    table = footprints(("summer", SUMMER, 0, 0), ("winter", WINTER, 0, 0))
    assert align(table, GRID, "summer", "tile") == {(0, 0): "summer"}
    assert align(table, GRID, "winter", "tile") == {(0, 0): "winter"}
    assert align(table, GRID, "fall", "tile") == {}


def test_the_last_day_of_a_season_is_winter_for_v1_as_well():
    midnight = datetime(2017, 8, 31, tzinfo=UTC)
    table = footprints(
        ("midnight", midnight, 0, 0), ("day", midnight.replace(hour=10), 1200, 0)
    )
    assert align(table, GRID, "summer", "tile") == {(0, 0): "midnight"}
    assert align(table, GRID, "winter", "tile") == {(1, 0): "day"}


def test_two_v1_patches_on_one_patch_are_an_error_that_names_both():
    table = footprints(("a", SUMMER, 1200, 0), ("b", SUMMER, 1200, 0))
    with pytest.raises(
        InvalidInput, match=r"tile: two v1 patches .* column 1, row 0: a and b"
    ):
        align(table, GRID, "summer", "tile")


def test_footprints_as_they_must_be_pass():
    check_footprints(footprints(("a", SUMMER, 0, 0)), 32633, "file")


@pytest.mark.parametrize(
    ("corrupt", "reason"),
    [
        (lambda t: t.to_crs(32632), "expected CRS EPSG:32633, found EPSG:32632"),
        (
            lambda t: t.set_crs(None, allow_override=True),
            "expected CRS EPSG:32633, found none",
        ),
        (lambda t: t.drop(columns="patch_name"), r"columns \['patch_name'\], not"),
        (lambda t: t.drop(columns="sensing_time"), "sensing_time"),
        (
            lambda t: t.assign(sensing_time=t["sensing_time"].dt.tz_localize(None)),
            "sensing_time must be a time with time zone UTC",
        ),
        (
            lambda t: t.assign(patch_name="matching patch"),
            "must be unique; repeated: matching patch",
        ),
    ],
    ids=["CRS", "no CRS", "no names", "no times", "local times", "names"],
)
def test_footprints_that_break_a_rule_are_refused(corrupt, reason):
    table = footprints(("a", SUMMER, 0, 0), ("b", SUMMER, 1200, 0))
    with pytest.raises(InvalidInput, match=f"^file: .*{reason}"):
        check_footprints(corrupt(table), 32633, "file")
