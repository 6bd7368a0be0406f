"""A picture of the products that a search found, as SVG that stands alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import geopandas as gpd
import numpy as np
import shapely

from ben_assets.bigearthnet.reproject import to_utm
from ben_assets.report.map_view import MapView, view_around
from ben_assets.report.tile_map import Mark, draw_map

_ATTRIBUTES: Final = 'xmlns="http://www.w3.org/2000/svg" width="640" '
_STYLE: Final = """<style>
svg { background: #f3f5f7; font: 12px sans-serif; }
.land { fill: #e3e8ec; stroke: #8d99a4; }
.area { fill: #2173a6; fill-opacity: .12; stroke: #2173a6; stroke-dasharray: 5 3; }
text { fill: #515c66; text-anchor: middle; }
.tile path, .tile rect { fill: #b3261e; fill-opacity: .35; stroke: #b3261e; }
.tile text { fill: #1c2227; font-size: 9px; transform: translateX(-9px); }
</style>"""


def found_map(
    found: Iterable[tuple[str, shapely.Geometry | None]],
    area: shapely.Geometry | None,
    countries: gpd.GeoDataFrame,
) -> str | None:
    """The area that was searched and the squares that were found, among countries.

    Args:
        found: MGRS tile and outline of each product in EPSG:4326, None where unknown.
        area: the area in EPSG:4326; None where a tile was searched by its name.
        countries: index of names, geometry in EPSG:4326.

    Returns:
        SVG, or None where there is neither area nor outline.
    """
    by_tile = defaultdict(list)
    for mgrs, outline in found:
        if outline is not None:
            by_tile[mgrs].append(outline)
    squares = {mgrs: shapely.union_all(parts) for mgrs, parts in by_tile.items()}
    places = [*squares.values(), *([] if area is None else [area])]
    if not places:
        return None
    view = view_around(np.array(places, dtype=object), countries)
    marks = [
        Mark(f"T{mgrs}", _title(mgrs, len(by_tile[mgrs])), _in(view, square))
        for mgrs, square in sorted(squares.items())
    ]
    searched = None if area is None else _in(view, area)
    return draw_map(marks, view, searched, _ATTRIBUTES, _STYLE)


def _title(mgrs: str, products: int) -> str:
    return f"T{mgrs}: {products} product{'' if products == 1 else 's'}"


def _in(view: MapView, shape: shapely.Geometry) -> shapely.Geometry:
    """A shape in the projection of a view, its long edges bent with it."""
    fine = np.array([shapely.segmentize(shape, 1.0)], dtype=object)
    projected: shapely.Geometry = to_utm(fine, 4326, view.crs)[0]
    return projected
