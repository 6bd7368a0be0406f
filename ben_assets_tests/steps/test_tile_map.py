"""The map of a release: BigEarthNet's own, and that of tiles elsewhere."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.report.facts import TileFacts
from ben_assets.report.map_view import view_around
from ben_assets.report.tile_map import tile_map, view_of_tiles

WORLD = gpd.GeoDataFrame(
    index=["Brazil", "Peru", "Austria", "Fiji"],
    geometry=[
        shapely.box(-60, -25, -40, -3),
        shapely.box(-80, -18, -61, -3),
        shapely.box(10, 46, 17, 49),
        shapely.box(177, -19, 180, -16) | shapely.box(-180, -19, -178, -16),
    ],
    crs=4326,
)


def tile(alignment: str, epsg: int, x: int, y: int) -> TileFacts:
    grid = TileGeocoding(epsg, x, y, 109_800)
    return TileFacts("", "", "22LGH", "2025-07-01", grid, alignment, 1, 1, 1, "")


def view_of(one: TileFacts):
    return view_of_tiles([one], lambda: WORLD.loc[["Austria"]], lambda: WORLD)


def test_a_tile_in_brazil_is_drawn_in_brazil():
    brasilia = tile("none", 32722, 699_960, 8_300_040)
    view = view_of(brasilia)
    assert view.names == ("Brazil",)
    assert "Equal Area" in view.crs.coordinate_operation.method_name
    assert view.edges.area < 1_000_000**2
    drawn = tile_map([brasilia], view)
    assert drawn.count('class="tile"') == 1
    assert "Austria" not in drawn


def test_a_tile_of_bigearthnet_is_drawn_among_its_countries():
    view = view_of(tile("v1", 32633, 600_000, 5_400_000))
    assert view.crs.to_epsg() == 3035
    assert view.names == ("Austria",)
    assert view.edges is None


@pytest.mark.parametrize(
    ("places", "names"),
    [
        ([(179.5, -17), (-179.5, -17)], ("Fiji",)),
        ([(-50, -10), (15, 47)], ("Brazil", "Austria")),
        ([(0, 90)], ()),
    ],
)
def test_countries_within_view_are_drawn(places, names):
    points = [shapely.Point(place).buffer(0.4) for place in places]
    shapes = np.array([one & shapely.box(-180, -90, 180, 90) for one in points])
    view = view_around(shapes, WORLD)
    assert set(names) <= set(view.names)
    assert "Peru" not in view.names
