from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

from ben_assets.bigearthnet.countries import (
    COUNTRIES,
    nearest_country,
    select_countries,
)
from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.bigearthnet.reproject import to_utm

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
