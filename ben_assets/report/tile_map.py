"""A map of tiles among countries, as SVG."""

from __future__ import annotations

import html
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from ben_assets.bigearthnet.numerals import counted
from ben_assets.bigearthnet.reproject import to_utm
from ben_assets.report.facts import TileFacts
from ben_assets.report.map_view import MapView, bigearthnet_view, view_around

_LONGER_SIDE: Final = 640
_MARGIN: Final = 24
_SMALLEST_SQUARE: Final = 7
_LABELLED_UP_TO: Final = 12
_ROOM_FOR_NAME: Final = 36


@dataclass(frozen=True)
class Mark:
    """A tile as it is drawn."""

    name: str
    """Text beside it."""
    title: str
    """What a pointer on it says."""
    outline: shapely.Geometry
    """Its outline in the projection of the map."""


def tile_map(tiles: Sequence[TileFacts], view: MapView) -> str:
    """Country outlines with names, and the outline of each tile."""
    marks = [
        Mark(
            f"T{tile.mgrs}",
            f"T{tile.mgrs}, {tile.day}: {tile.patches} patches",
            _outline(tile, view.crs),
        )
        for tile in tiles
    ]
    return draw_map(marks, view)


def view_of_tiles(
    tiles: Sequence[TileFacts],
    ten: Callable[[], gpd.GeoDataFrame],
    all_of_them: Callable[[], gpd.GeoDataFrame],
) -> MapView:
    """BigEarthNet's ten countries for its own tiles, else what lies around the tiles.

    Args:
        tiles: the tiles of a release.
        ten: reads the ten countries.
        all_of_them: reads the countries of the recipe, in EPSG:4326.
    """
    if not tiles or any(tile.alignment == "v1" for tile in tiles):
        return bigearthnet_view(ten())
    degrees = pyproj.CRS.from_epsg(4326)
    outlines = np.array([_outline(tile, degrees) for tile in tiles], dtype=object)
    return view_around(outlines, all_of_them())


def draw_map(
    marks: Sequence[Mark],
    view: MapView,
    area: shapely.Geometry | None = None,
    attributes: str = "",
    style: str = "",
) -> str:
    """Countries, an area and tiles.

    Args:
        marks: the tiles; one that would be too small to be seen becomes a square.
        view: the countries and the projection.
        area: a further area in the projection of ``view``, drawn below the tiles.
        attributes: more attributes of the element ``svg``.
        style: an element with styles, for a picture that stands alone.
    """
    shown = [*view.outlines, *(mark.outline for mark in marks)]
    fit = _Fit(np.array(shown if view.edges is None else [view.edges], dtype=object))
    size = f"0 0 {fit.width} {fit.height}"
    lines = [
        f'<svg {attributes}viewBox="{size}" role="img" '
        'aria-labelledby="map-title map-desc">',
        "<title id='map-title'>Map of the tiles</title>",
        f"<desc id='map-desc'>{_description(marks)}</desc>",
    ]
    if style:
        lines.append(style)
    for outline in view.outlines:
        lines.append(f'<path class="land" d="{_path(fit, outline)}"/>')
    if area is not None:
        lines.append(f'<path class="area" d="{_path(fit, area)}"/>')
    for name, outline in zip(view.names, view.outlines, strict=True):
        if view.edges is None or _is_wide(fit, outline):
            lines.append(_name(fit, outline, name))
    lines += [_tile(fit, mark, len(marks) <= _LABELLED_UP_TO) for mark in marks]
    return "\n".join([*lines, "</svg>"])


class _Fit:
    """Takes the plane of the map to the picture."""

    def __init__(self, shapes: npt.NDArray[np.object_]) -> None:
        self.west, south, east, self.north = shapely.total_bounds(shapes)
        longer = max(east - self.west, self.north - south)
        self.scale = (_LONGER_SIDE - 2 * _MARGIN) / longer
        self.width = round((east - self.west) * self.scale) + 2 * _MARGIN
        self.height = round((self.north - south) * self.scale) + 2 * _MARGIN

    def point(self, x: float, y: float) -> tuple[float, float]:
        return (
            round((x - self.west) * self.scale + _MARGIN, 1),
            round((self.north - y) * self.scale + _MARGIN, 1),
        )


def _outline(tile: TileFacts, crs: pyproj.CRS) -> shapely.Geometry:
    square = np.array([shapely.box(*tile.geocoding.bounds())], dtype=object)
    projected: shapely.Geometry = to_utm(square, tile.geocoding.epsg, crs)[0]
    return projected


def _path(fit: _Fit, shape: shapely.Geometry) -> str:
    parts = []
    for polygon in getattr(shape, "geoms", [shape]):
        points = [fit.point(x, y) for x, y in polygon.exterior.coords]
        parts.append("M" + "L".join(f"{x} {y}" for x, y in points) + "Z")
    return "".join(parts)


def _name(fit: _Fit, outline: shapely.Geometry, name: str) -> str:
    """Inside its country, or below one that is too small for it."""
    west, south, east, _ = outline.bounds
    if not _is_wide(fit, outline):
        x, y = fit.point((west + east) / 2, south)
        y = round(y + 14, 1)
    else:
        middle = outline.representative_point()
        x, y = fit.point(middle.x, middle.y)
    return f'<text x="{x}" y="{y}">{html.escape(name)}</text>'


def _is_wide(fit: _Fit, outline: shapely.Geometry) -> bool:
    west, _, east, _ = outline.bounds
    return bool((east - west) * fit.scale >= _ROOM_FOR_NAME)


def _tile(fit: _Fit, mark: Mark, is_labelled: bool) -> str:
    x, y = fit.point(mark.outline.centroid.x, mark.outline.centroid.y)
    if math.sqrt(mark.outline.area) * fit.scale >= _SMALLEST_SQUARE:
        shape = f'<path d="{_path(fit, mark.outline)}"/>'
    else:
        half = _SMALLEST_SQUARE / 2
        shape = (
            f'<rect x="{x - half:.1f}" y="{y - half:.1f}" '
            f'width="{_SMALLEST_SQUARE}" height="{_SMALLEST_SQUARE}"/>'
        )
    name = f'<text x="{x + 9:.1f}" y="{y + 4:.1f}">{html.escape(mark.name)}</text>'
    return (
        f'<g class="tile"><title>{html.escape(mark.title)}</title>'
        f"{shape}{name if is_labelled else ''}</g>"
    )


def _description(marks: Sequence[Mark]) -> str:
    named = ", ".join(mark.name for mark in marks[:_LABELLED_UP_TO])
    more = len(marks) - _LABELLED_UP_TO
    return f"{len(marks)} tiles: {named}" + (f" and {more} more" if more > 0 else "")


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
    return f"T{mgrs}: {counted(products, 'product')}"


def _in(view: MapView, shape: shapely.Geometry) -> shapely.Geometry:
    """A shape in the projection of a view, its long edges bent with it."""
    fine = np.array([shapely.segmentize(shape, 1.0)], dtype=object)
    projected: shapely.Geometry = to_utm(fine, 4326, view.crs)[0]
    return projected
