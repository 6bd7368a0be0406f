"""Outlines of the ten countries of BigEarthNet, and of two more, as a child draws them.

Vertices are longitudes and latitudes in degrees. Neighbours share border vertices, as
in Natural Earth; the border of Belgium and Luxembourg runs through a tile, and Kosovo's
northern tip, on the border with Serbia, lies in another.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

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
