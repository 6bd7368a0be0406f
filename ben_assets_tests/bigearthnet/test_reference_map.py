"""CORINE polygons on the pixels of a tile.

The rules are docs/rules.md#clc-overlay and docs/rules.md#reference-map-raster.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from rasterio.io import MemoryFile

from ben_assets.bigearthnet import geotiff
from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.reference_map import (
    GDAL,
    LIBDEFLATE,
    ClcPolygons,
    MapCutter,
    prepare_polygons,
    rasterize,
)
from ben_assets.bigearthnet.reproject import CORINE_EPSG

GRID = TileGeocoding(epsg=32633, ulx=300_000, uly=5_400_000, side_m=2_400)
WEST, NORTH = GRID.ulx, GRID.uly


def box(x0, y0, x1, y1) -> shapely.Polygon:
    """Metres right of and below the tile's upper left corner."""
    return shapely.box(WEST + x0, NORTH - y1, WEST + x1, NORTH - y0)


def burn(*coded) -> ClcPolygons:
    codes = np.array([code for code, _ in coded], dtype=np.uint16)
    shapes = np.array([polygon for _, polygon in coded], dtype=object)
    return ClcPolygons(codes, shapes)


def corine(rows) -> gpd.GeoDataFrame:
    """As the GeoPackage has them: (Code_18, ID, polygon in the tile's zone)."""
    table = gpd.GeoDataFrame(
        {"Code_18": [r[0] for r in rows], "ID": [r[1] for r in rows]},
        geometry=[shapely.MultiPolygon([r[2]]) for r in rows],
        crs=GRID.epsg,
    )
    return table.to_crs(CORINE_EPSG)


def test_a_pixel_belongs_to_the_polygon_that_holds_its_centre():
    raster = rasterize(burn((311, box(0, 0, 104, 96))), GRID)
    assert raster.shape == (240, 240)
    assert (raster[:10, :10] == 311).all()
    assert (raster == 999).sum() == 240 * 240 - 100


def test_the_first_polygon_wins_where_two_overlap():
    raster = rasterize(burn((112, box(0, 0, 20, 20)), (512, box(0, 0, 40, 40))), GRID)
    assert raster[:4, :4].tolist() == [[112, 112, 512, 512]] * 2 + [[512] * 4] * 2


def test_first_is_the_lowest_id_as_text_then_the_lowest_code():
    square = box(100, 100, 500, 500)
    rows = [("312", "EU_9", square), ("324", "EU_10", square), ("311", "EU_9", square)]
    found = prepare_polygons(corine(rows), GRID, "corine")
    assert found.codes.tolist() == [324, 311, 312]


def test_polygons_beside_the_tile_are_left_out_whatever_they_are():
    rows = [("311", "EU_1", box(0, 0, 99, 99)), ("000", "EU_2", box(9e3, 0, 9.9e3, 99))]
    assert prepare_polygons(corine(rows), GRID, "corine").codes.tolist() == [311]


def test_parts_of_a_multipolygon_count_by_themselves():
    """Together they are invalid where they share an edge or lie in one another."""
    table = corine([("311", "EU_1", box(0, 0, 300, 300))])
    whole = prepare_polygons(table, GRID, "corine")
    left, right, inner = (0, 0, 150, 300), (150, 0, 300, 300), (50, 50, 100, 100)
    parts = shapely.MultiPolygon([box(*sides) for sides in (left, right, inner)])
    cut_up = gpd.GeoDataFrame(
        {"Code_18": ["311"], "ID": ["EU_1"]}, geometry=[parts], crs=GRID.epsg
    ).to_crs(CORINE_EPSG)
    found = prepare_polygons(cut_up, GRID, "corine")
    assert found.codes.tolist() == [311] * 3
    assert (rasterize(found, GRID) == rasterize(whole, GRID)).all()


def test_of_what_a_repair_leaves_polygons_alone_count():
    """``make_valid`` may give a collection of polygons and lines."""
    line = shapely.LineString([(WEST, NORTH), (WEST + 900, NORTH - 800)])
    square, other = box(100, 100, 500, 500), box(700, 700, 900, 900)
    kinds = [
        shapely.GeometryCollection([square, line]),
        shapely.GeometryCollection([line, shapely.MultiPolygon([other])]),
        line,
    ]
    table = gpd.GeoDataFrame(
        {"Code_18": ["311", "312", "324"], "ID": ["EU_1", "EU_2", "EU_3"]},
        geometry=kinds,
        crs=GRID.epsg,
    )
    found = prepare_polygons(table, GRID, "mine", crs=GRID.epsg)
    expected = burn((311, square), (312, other))
    assert found.codes.tolist() == [311, 312]
    assert (rasterize(found, GRID) == rasterize(expected, GRID)).all()


def test_polygons_without_id_come_first():
    square = box(100, 100, 500, 500)
    rows = [("312", "EU_1", square), ("311", None, square)]
    for kept in (rows, rows[1:]):
        found = prepare_polygons(corine(kept), GRID, "corine")
        assert found.codes[0] == 311


def test_an_unknown_code_is_named():
    rows = [("390", "EU_7", box(0, 0, 99, 99))]
    with pytest.raises(InvalidInput, match=r"corine: .*'390' of polygon EU_7"):
        prepare_polygons(corine(rows), GRID, "corine")


def test_a_polygon_whose_edges_cross_is_named():
    bow_tie = shapely.Polygon(
        [(WEST + x, NORTH - y) for x, y in ((0, 0), (900, 900), (900, 0), (0, 900))]
    )
    with pytest.raises(InvalidInput, match="EU_3: Self-intersection"):
        prepare_polygons(corine([("311", "EU_3", bow_tie)]), GRID, "corine")


def cut(clc: ClcPolygons) -> dict:
    cells = GRID.cell_names()
    cutter = MapCutter(rasterize(clc, GRID), clc, GRID, cells)
    return {m.cell: m for m in map(cutter.cut, cells) if m}


def test_a_patch_that_no_polygon_meets_has_no_map():
    """A common edge is no meeting; a sliver that holds no pixel centre is one."""
    maps = cut(burn((311, box(0, 0, 1200, 1200)), (112, box(1500, 1203, 1900, 1204))))
    assert {cell: m.pixels_of_code for cell, m in maps.items()} == {
        (0, 0): {311: 14_400},
        (1, 1): {999: 14_400},
    }


def test_a_map_is_the_georeferenced_window_of_the_raster():
    clc = burn((311, box(1200, 0, 1300, 1200)), (512, box(0, 0, 2400, 2400)))
    with MemoryFile(cut(clc)[1, 0].content) as memory, memory.open() as raster:
        pixels = raster.read(1)
        assert raster.crs == rasterio.CRS.from_epsg(32633)
        assert (raster.transform.c, raster.transform.f) == (WEST + 1200, NORTH)
        assert raster.transform.a == 10
    assert (pixels[:, :10] == 311).all()
    assert (pixels[:, 10:] == 512).all()


@pytest.mark.parametrize("level", [6, 7])
def test_gdal_writes_the_maps_where_libdeflate_gives_other_bytes(monkeypatch, level):
    """As another version of GDAL or libdeflate could; the maps are the same."""
    fields = [
        (200 + n, box(n * 77 % 2000, n * 131 % 2000, n * 77 % 2000 + 400, 2400))
        for n in range(60)
    ]
    clc, cells = burn(*fields), GRID.cell_names()
    raster = rasterize(clc, GRID)
    expected = [
        geotiff.encode(window, 32633, GRID.corner(x, y), 10, geotiff.DEFLATED)
        for x, y in cells
        for window in [raster[y * 120 : y * 120 + 120, x * 120 : x * 120 + 120]]
    ]
    monkeypatch.setattr(geotiff, "_DEFLATE_LEVEL", level)
    cutter = MapCutter(raster, clc, GRID, cells)
    assert cutter.encoder == {6: GDAL, 7: LIBDEFLATE}[level]
    assert [cutter.cut(cell).content for cell in cells] == expected
