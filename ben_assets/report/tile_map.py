"""A map of the tiles of a release among the ten countries, as SVG."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Final

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from ben_assets.bigearthnet.reproject import CORINE_EPSG, to_utm
from ben_assets.report.facts import TileFacts

_LONGER_SIDE: Final = 640
_MARGIN: Final = 24
_SMALLEST_SQUARE: Final = 7
_LABELLED_UP_TO: Final = 12
_ROOM_FOR_NAME: Final = 36


def tile_map(tiles: Sequence[TileFacts], countries: gpd.GeoDataFrame) -> str:
    """Country outlines with names, and the outline of each tile, in EPSG:3035.

    Args:
        tiles: the tiles; one that would be too small to be seen becomes a square.
        countries: index of names, geometry in longitudes and latitudes.
    """
    outlines = to_utm(countries.geometry.to_numpy(), 4326, CORINE_EPSG)
    squares = np.array([_outline(tile) for tile in tiles], dtype=object)
    fit = _Fit(np.concatenate([outlines, squares]))
    lines = [
        f'<svg viewBox="0 0 {fit.width} {fit.height}" role="img" '
        'aria-labelledby="map-title map-desc">',
        "<title id='map-title'>Map of the tiles</title>",
        f"<desc id='map-desc'>{_description(tiles)}</desc>",
    ]
    for outline in outlines:
        lines.append(f'<path class="land" d="{_path(fit, outline)}"/>')
    for name, outline in zip(countries.index, outlines, strict=True):
        lines.append(_name(fit, outline, str(name)))
    for tile, square in zip(tiles, squares, strict=True):
        lines.append(_tile(fit, tile, square, len(tiles) <= _LABELLED_UP_TO))
    return "\n".join([*lines, "</svg>"])


class _Fit:
    """Takes metres of EPSG:3035 to the picture."""

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


def _outline(tile: TileFacts) -> shapely.Polygon:
    square = shapely.box(*tile.geocoding.bounds())
    projected: shapely.Polygon = to_utm(
        np.array([square], dtype=object), tile.geocoding.epsg, CORINE_EPSG
    )[0]
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
    if (east - west) * fit.scale < _ROOM_FOR_NAME:
        x, y = fit.point((west + east) / 2, south)
        y = round(y + 14, 1)
    else:
        middle = outline.representative_point()
        x, y = fit.point(middle.x, middle.y)
    return f'<text x="{x}" y="{y}">{html.escape(name)}</text>'


def _tile(
    fit: _Fit, tile: TileFacts, square: shapely.Polygon, is_labelled: bool
) -> str:
    title = f"T{tile.mgrs}, {tile.day}: {tile.patches} patches"
    x, y = fit.point(square.centroid.x, square.centroid.y)
    if tile.geocoding.side_m * fit.scale >= _SMALLEST_SQUARE:
        shape = f'<path d="{_path(fit, square)}"/>'
    else:
        half = _SMALLEST_SQUARE / 2
        shape = (
            f'<rect x="{x - half:.1f}" y="{y - half:.1f}" '
            f'width="{_SMALLEST_SQUARE}" height="{_SMALLEST_SQUARE}"/>'
        )
    name = f'<text x="{x + 9:.1f}" y="{y + 4:.1f}">T{tile.mgrs}</text>'
    return (
        f'<g class="tile"><title>{title}</title>{shape}{name if is_labelled else ""}'
        "</g>"
    )


def _description(tiles: Sequence[TileFacts]) -> str:
    named = ", ".join(f"T{tile.mgrs}" for tile in tiles[:_LABELLED_UP_TO])
    more = len(tiles) - _LABELLED_UP_TO
    return f"{len(tiles)} tiles: {named}" + (f" and {more} more" if more > 0 else "")
