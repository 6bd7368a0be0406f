from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

from ben_assets.bigearthnet.countries import (
    COUNTRIES,
    FAR_M,
    nearest_country,
    select_countries,
    select_nearby,
)
from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.patch_table import cell_squares
from ben_assets.bigearthnet.reproject import to_utm
from ben_assets_tests.support.shared import SHARED, needs_shared

ELSEWHERE = shapely.box(0, 0, 0.1, 0.1)


def table(**outlines: shapely.Polygon) -> gpd.GeoDataFrame:
    """A country file: those named lie as given, the others far away."""
    names = [*COUNTRIES, "Germany"]
    return gpd.GeoDataFrame(
        {"NAME_LONG": names},
        geometry=[outlines.get(name, ELSEWHERE) for name in names],
        crs=4326,
    )


def square_at(longitude: float, latitude: float) -> np.ndarray:
    (point,) = to_utm(np.array([shapely.Point(longitude, latitude)]), 4326, 32633)
    return np.array([shapely.box(point.x, point.y - 1200, point.x + 1200, point.y)])


def country_of(square: np.ndarray, countries: gpd.GeoDataFrame) -> str:
    return nearest_country(square, 32633, select_countries(countries, "file")).names[0]


@pytest.mark.parametrize(
    ("first", "second"),
    [("Austria", "Switzerland"), ("Belgium", "Luxembourg"), ("Serbia", "Kosovo")],
)
def test_a_patch_on_a_border_belongs_to_the_country_of_precedence(first, second):
    west, east = shapely.box(14, 48, 15.005, 49), shapely.box(15.005, 48, 16, 49)
    for outlines in ({first: west, second: east}, {first: east, second: west}):
        assert country_of(square_at(15, 48.5), table(**outlines)) == first


def test_the_square_counts_and_not_its_centre():
    near = shapely.box(15.016, 48, 16, 49)  # 1180 m east of the square's west edge
    assert country_of(square_at(15, 48.5), table(Portugal=near)) == "Portugal"
    farther = shapely.box(14, 48, 14.999, 49)
    found = country_of(square_at(15, 48.5), table(Portugal=near, Finland=farther))
    assert found == "Portugal"


def test_a_country_that_is_none_of_the_ten_does_not_count():
    here = shapely.box(14, 48, 16, 49)
    far = shapely.box(18, 48, 19, 49)
    assert country_of(square_at(15, 48.5), table(Germany=here, Serbia=far)) == "Serbia"


@pytest.mark.parametrize(
    ("corrupt", "reason"),
    [
        (lambda t: t.rename(columns={"NAME_LONG": "NAME"}), "property NAME_LONG"),
        (lambda t: t[t["NAME_LONG"] != "Kosovo"], "countries missing: Kosovo"),
        (lambda t: t.to_crs(3857), "expected longitudes and latitudes"),
    ],
    ids=["column", "country", "CRS"],
)
def test_a_country_file_that_breaks_a_rule_is_refused(corrupt, reason):
    with pytest.raises(InvalidInput, match=f"^file: .*{reason}"):
        select_countries(corrupt(table()), "file")


CAPITALS = [
    ("Germany", 13.405, 52.52),
    ("Spain", -3.704, 40.417),
    ("Iceland", -21.94, 64.147),
    ("Brazil", -47.93, -15.78),
    ("Colombia", -74.08, 4.61),
    ("United States", -77.037, 38.9),
    ("Canada", -75.69, 45.42),
    ("Kenya", 36.82, -1.29),
    ("Egypt", 31.24, 30.04),
    ("Japan", 139.69, 35.69),
    ("India", 77.21, 28.61),
    ("Australia", 149.13, -35.28),
    ("New Zealand", 174.78, -41.29),
    ("Fiji", 178.44, -18.14),  # whose islands lie on both sides of the antimeridian
]


def tile_at(longitude: float, latitude: float) -> TileGeocoding:
    """A small tile around a place, in the zone of the place."""
    zone = int((longitude + 180) // 6) + 1
    epsg = (32600 if latitude >= 0 else 32700) + zone
    (point,) = to_utm(np.array([shapely.Point(longitude, latitude)]), 4326, epsg)
    return TileGeocoding(epsg, round(point.x) - 600, round(point.y) + 600, 1_200)


@pytest.fixture(scope="module")
def world() -> gpd.GeoDataFrame:
    path = SHARED / "reference" / "ne_110m_admin_0_countries.geojson"
    return gpd.read_file(path)


@needs_shared
@pytest.mark.parametrize(
    ("country", "longitude", "latitude"), CAPITALS, ids=[c for c, *_ in CAPITALS]
)
def test_a_capital_lies_in_its_country(country, longitude, latitude, world):
    grid = tile_at(longitude, latitude)
    nearby = select_nearby(world, "NAME_LONG", grid, "file")
    found = nearest_country(cell_squares(grid), grid.epsg, nearby)
    assert found.names.tolist() == [country]
    assert found.distances_m[0] < FAR_M


@needs_shared
def test_a_country_that_the_file_lacks_is_told_by_distance(world):
    """Malta: the nearest is Italy, some 90 km away."""
    grid = tile_at(14.4, 35.89)
    nearby = select_nearby(world, "NAME_LONG", grid, "file")
    found = nearest_country(cell_squares(grid), grid.epsg, nearby)
    assert found.names[0] == "Italy"
    assert found.distances_m[0] > FAR_M


@pytest.mark.parametrize("longitude", [-179.9, 179.9])
def test_countries_beyond_the_antimeridian_count(longitude):
    east, west = shapely.box(179, 0, 179.8, 1), shapely.box(-179.8, 0, -179, 1)
    countries = gpd.GeoDataFrame(
        {"n": ["West", "East"]}, geometry=[west, east], crs=4326
    )
    grid = tile_at(longitude, 0.5)
    nearby = select_nearby(countries, "n", grid, "file")
    assert nearby.index.tolist() == ["East", "West"]
    found = nearest_country(cell_squares(grid), grid.epsg, nearby)
    assert found.names[0] == ("West" if longitude < 0 else "East")


def test_at_equal_distance_the_first_in_the_alphabet_is_taken():
    here = shapely.box(14, 48, 16, 49)
    countries = gpd.GeoDataFrame({"n": ["B", "A"]}, geometry=[here, here], crs=4326)
    grid = tile_at(15, 48.5)
    nearby = select_nearby(countries, "n", grid, "file")
    assert nearest_country(cell_squares(grid), grid.epsg, nearby).names[0] == "A"


def test_where_no_country_is_near_there_is_none():
    far = gpd.GeoDataFrame({"n": ["A"]}, geometry=[shapely.box(60, 0, 61, 1)], crs=4326)
    grid = tile_at(15, 48.5)
    nearby = select_nearby(far, "n", grid, "file")
    found = nearest_country(cell_squares(grid), grid.epsg, nearby)
    assert found.names.tolist() == [None]
    assert np.isinf(found.distances_m).all()


def test_a_missing_column_of_a_recipe_is_named():
    with pytest.raises(InvalidInput, match=r"^file: expected a property region, found"):
        select_nearby(table(), "region", tile_at(15, 48.5), "file")
