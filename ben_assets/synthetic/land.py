"""Land cover and countries around the synthetic tiles, as the real files have them.

Cases that meet each rule at its edge end a metre inside of their cell, so that a
neighbour without land cover stays without.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import geopandas as gpd
import numpy as np
import shapely
from shapely import MultiPolygon, Polygon

from ben_assets.bigearthnet.bands import PATCH_SIZE_M
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.reproject import CORINE_EPSG, to_utm
from ben_assets.synthetic.landscape import LandCover

GEOPACKAGE: Final = "U2018_CLC2018_V2020_20u1.gpkg"
"""File name of CORINE Land Cover 2018, which is also the name of its layer."""


def write_corine(
    path: Path, covers_of_epsg: Sequence[tuple[int, list[LandCover]]]
) -> None:
    """Write land cover as the real file has it: EPSG:3035, one row per polygon.

    Ids count from ``EU_1``, so that they sort otherwise as text than as numbers.

    Args:
        path: the GeoPackage to make.
        covers_of_epsg: for each tile the EPSG code of its UTM zone and its polygons.
    """
    polygons = np.concatenate(
        [
            # vertex by vertex like the way back, here from UTM to CORINE's CRS
            to_utm(np.array([c.polygon for c in covers]), epsg, CORINE_EPSG)
            for epsg, covers in covers_of_epsg
        ]
    )
    everything = [cover for _, covers in covers_of_epsg for cover in covers]
    codes = [str(cover.code) for cover in everything]
    table = gpd.GeoDataFrame(
        {
            "Code_18": codes,
            "Remark": [None] * len(codes),
            "Area_Ha": shapely.area(polygons) / 10_000,
            "ID": [
                cover.clc_id or f"EU_{number}"
                for number, cover in enumerate(everything, start=1)
            ],
        },
        geometry=[shapely.multipolygons(shapely.get_parts(p)) for p in polygons],
        crs=CORINE_EPSG,
    )
    table["Remark"] = table["Remark"].astype("str")
    table.rename_geometry("Shape").to_file(
        path,
        layer=path.stem,
        engine="pyogrio",
        geometry_type="MultiPolygon",
        layer_options={"GEOMETRY_NAME": "Shape", "SPATIAL_INDEX": "YES"},
    )


_Box = tuple[int, int, int, int]

_CELL: Final[_Box] = (1, 1, PATCH_SIZE_M - 1, PATCH_SIZE_M - 1)
_QUARTER: Final[_Box] = (300, 300, 900, 900)
"""60 x 60 of the 120 x 120 pixels of 10 m."""
_PIXEL: Final[_Box] = (300, 300, 310, 310)
"""One pixel, in the corner of the quarter."""
_BETWEEN_CENTRES: Final[_Box] = (602, 602, 604, 604)
"""Part of a pixel without its centre."""


def land_cover_cases(grid: TileGeocoding) -> list[LandCover]:
    """The cases by cell (column, row); no other cell has land cover, nor has (1, 1).

    - (0, 0): just a quarter is unlabelled, which is too much; (1, 0): a pixel less.
    - (2, 0): overlaps, in which the lower id as text lies on top, whether it is the
      lower number or not, and whether it comes first or last in the file.
    - (0, 1): a multipolygon whose parts overlap, and count one by one.
    - (2, 1): a polygon without any pixel centre.
    - (1, 2): one id twice, so that the lower code is on top; a label that holds a
      comma; a label of one pixel; uncovered ground along the right edge.
    - (0, 2), (2, 2): one class.
    """
    quarry = _box(grid, (0, 0), _QUARTER)
    smaller = _box(grid, (1, 0), _QUARTER) - _box(grid, (1, 0), _PIXEL)
    parts = [_box(grid, (0, 1), box) for box in ((99, 99, 699, 699), _QUARTER)]
    pixel, covered = _box(grid, (1, 2), _PIXEL), _box(grid, (1, 2), (1, 1, 1180, 1199))
    return [
        LandCover(131, quarry),
        LandCover(211, _box(grid, (0, 0), _CELL) - quarry),
        LandCover(131, smaller),
        LandCover(211, _box(grid, (1, 0), _CELL) - smaller),
        LandCover(231, _box(grid, (2, 0), _CELL), "EU_99999"),
        LandCover(311, _box(grid, (2, 0), (1, 1, 600, 1199)), "EU_100000"),
        LandCover(112, _box(grid, (2, 0), (700, 100, 1000, 400)), "EU_88888"),
        LandCover(121, _box(grid, (2, 0), (700, 200, 1100, 500)), "EU_90000"),
        LandCover(312, MultiPolygon(parts)),
        LandCover(242, _box(grid, (0, 1), _CELL) - shapely.union_all(parts)),
        LandCover(211, _box(grid, (2, 1), _BETWEEN_CENTRES)),
        LandCover(324, _box(grid, (1, 2), (600, 600, 1180, 1199)), "EU_77777"),
        LandCover(243, covered - pixel, "EU_77777"),
        LandCover(512, pixel),
        LandCover(411, _box(grid, (0, 2), _CELL)),
        LandCover(222, _box(grid, (2, 2), _CELL)),
    ]


def _box(grid: TileGeocoding, cell: tuple[int, int], box: _Box) -> Polygon:
    """A rectangle by its left, upper, right and lower offset from the cell's corner."""
    x, y = grid.corner(*cell)
    left, upper, right, lower = box
    return shapely.box(x + left, y - lower, x + right, y - upper)


COUNTRIES_FILE: Final = "ne_110m_admin_0_countries.geojson"
"""File name of Natural Earth's countries, 1:110 million."""

_OUTLINES: Final = {
    "Austria": "9.6 47.5, 10.5 47.4, 13.0 47.6, 13.8 48.7, 15.0 49.0, 16.9 48.6, "
    "17.1 48.0, 16.1 46.9, 14.5 46.4, 12.4 46.7, 10.5 46.9, 9.6 47.1",
    "Belgium": "2.5 51.1, 3.4 51.4, 5.0 51.5, 6.2 50.7, 6.1 50.2, 5.815 49.95, "
    "5.815 49.5, 4.8 50.0, 4.2 49.9, 3.2 50.6",
    "Finland": "21.0 60.2, 22.9 59.8, 27.8 60.5, 31.3 62.5, 29.5 66.0, 28.5 69.5, "
    "25.5 68.8, 20.7 69.0, 24.0 65.8, 21.4 63.0",
    "Germany": "6.2 50.7, 7.1 53.6, 9.0 54.9, 14.2 53.9, 15.0 51.0, 12.3 50.2, "
    "13.8 48.7, 13.0 47.6, 10.5 47.4, 9.6 47.5, 7.7 47.6, 8.2 48.9, 6.4 49.5, 6.1 50.2",
    "Ireland": "-6.2 53.9, -6.0 52.2, -8.3 51.7, -10.0 52.0, -9.7 54.2, -8.2 55.1, "
    "-8.0 54.3",
    "Kosovo": "20.0 42.7, 21.02 43.345, 21.5 42.9, 21.7 42.4, 21.3 42.2, 20.6 41.9",
    "Lithuania": "21.1 56.0, 24.0 56.3, 26.5 55.6, 25.5 54.2, 23.5 54.0, 22.6 54.6, "
    "21.1 55.3",
    "Luxembourg": "5.815 49.95, 6.1 50.2, 6.5 49.8, 6.4 49.5, 5.815 49.5",
    "Portugal": "-8.8 41.9, -6.4 41.9, -6.9 40.0, -7.2 38.2, -7.4 37.2, -8.9 37.0, "
    "-9.4 38.8, -8.7 40.6",
    "Serbia": "19.0 46.0, 20.2 46.1, 21.4 45.1, 22.6 44.5, 22.4 42.6, 21.7 42.4, "
    "21.5 42.9, 21.02 43.345, 20.0 42.7, 19.3 43.6, 19.1 44.9",
    "South Africa": "16.5 -28.6, 20.0 -28.4, 25.5 -25.7, 31.0 -22.3, 32.8 -26.8, "
    "28.2 -32.8, 20.0 -34.8, 17.79 -33.4",
    "Switzerland": "6.0 46.2, 7.0 47.3, 7.7 47.6, 9.6 47.5, 9.6 47.1, 10.5 46.9, "
    "9.0 46.0, 7.0 45.9",
}


def write_countries(path: Path) -> None:
    """Write the outlines as GeoJSON with the property names of Natural Earth."""
    features = [
        {
            "type": "Feature",
            "properties": {"ADMIN": name, "NAME": name, "NAME_LONG": name},
            "geometry": {"type": "Polygon", "coordinates": [_ring(outline)]},
        }
        for name, outline in _OUTLINES.items()
    ]
    collection = {
        "type": "FeatureCollection",
        "name": path.stem,
        "crs": {
            "type": "name",
            "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"},
        },
        "features": features,
    }
    path.write_text(json.dumps(collection, indent=1) + "\n", encoding="utf-8")


def _ring(outline: str) -> list[list[float]]:
    """A closed ring of (longitude, latitude)."""
    vertices = [[float(v) for v in pair.split()] for pair in outline.split(", ")]
    return [*vertices, vertices[0]]
