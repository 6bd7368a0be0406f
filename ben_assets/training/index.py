"""The index of a release: one row a patch, with place, time and land cover.

GeoParquet 1.1 in EPSG:4326 with a bounding box column, zstd, in the order of a Hilbert
curve, so that a query for a place reads few row groups.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import shapely

from ben_assets.bigearthnet.bands import PATCH_SIZE_M
from ben_assets.bigearthnet.legend import Legend
from ben_assets.bigearthnet.table_columns import (
    PUBLISHED,
    RELEASE_INDEX,
    arrow_schema,
)
from ben_assets.training.classes import class_numbers, has_the_19_classes

INDEX_FILE: Final = "bigearthnet_index.parquet"
WGS84: Final = 4326
_ROW_GROUP: Final = 50_000
SCHEMA: Final = arrow_schema(RELEASE_INDEX)
_BBOX: Final = SCHEMA.field("bbox").type


@dataclass(frozen=True)
class TileOrigin:
    """Where and when the patches of a tile were taken, and how they were made."""

    tile: str
    """Tile key."""
    epsg: int
    """CRS of the patches."""
    corner: tuple[int, int]
    """Upper left corner (x, y) of the tile in metres."""
    time: datetime
    """Sensing start, UTC."""
    season: str
    """Season of the sensing time."""
    product: str
    """Tile id: the L2A product without its processing time."""
    baseline: str
    """Its processing baseline, as in ``02.05``."""
    value_scale: str
    """Name of the scale of the digital numbers."""
    recipe: str
    """Recipe that gave the labels."""


def tile_index(
    origin: TileOrigin,
    patches: pd.DataFrame,
    pixels: Mapping[str, Mapping[int, int]],
    legend: Legend,
) -> pa.Table:
    """The rows of one tile.

    Args:
        origin: of the tile.
        patches: the published columns and ``x``, ``y`` of its retained patches.
        pixels: patch id to land-cover code to number of pixels.
        legend: of the recipe.
    """
    west = origin.corner[0] + patches["x"].to_numpy(np.int64) * PATCH_SIZE_M
    north = origin.corner[1] - patches["y"].to_numpy(np.int64) * PATCH_SIZE_M
    number_of = {label: number for number, label in enumerate(legend.labels)}
    is_19 = has_the_19_classes(legend)
    squares = _squares(west, north, origin.epsg)
    lon, lat = _transformed(
        west + PATCH_SIZE_M / 2, north - PATCH_SIZE_M / 2, origin.epsg
    )
    n = len(patches)
    columns: dict[str, Any] = {
        **{name: patches[name] for name in (*PUBLISHED, "x", "y")},
        **{
            name: [getattr(origin, name)] * n
            for name in ("tile", "season", "epsg", *_OF_PRODUCT)
        },
        "datetime": [origin.time] * n,
        "lon": lon,
        "lat": lat,
        "labels_19": [
            class_numbers(labels) if is_19 else None for labels in patches["labels"]
        ],
        "label_ids": [
            sorted(number_of[label] for label in labels) for labels in patches["labels"]
        ],
        "pixels": [sorted(pixels[patch].items()) for patch in patches["patch_id"]],
        "bbox": _boxes(squares),
        "geometry": shapely.to_wkb(squares),
    }
    arrays = [
        pa.array(columns[field.name], field.type, from_pandas=True) for field in SCHEMA
    ]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


_OF_PRODUCT: Final = ("product", "baseline", "value_scale", "recipe")


def _squares(
    west: npt.NDArray[np.int64], north: npt.NDArray[np.int64], epsg: int
) -> npt.NDArray[np.object_]:
    """The patches' squares in EPSG:4326, counter-clockwise from the lower left."""
    east, south = west + PATCH_SIZE_M, north - PATCH_SIZE_M
    x = np.stack([west, east, east, west, west], axis=1)
    y = np.stack([south, south, north, north, south], axis=1)
    lon, lat = _transformed(x.ravel(), y.ravel(), epsg)
    rings = np.stack([lon, lat], axis=1).reshape(len(west), 5, 2)
    squares: npt.NDArray[np.object_] = shapely.polygons(rings)
    return squares


def _transformed(
    x: npt.NDArray[Any], y: npt.NDArray[Any], epsg: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Longitude and latitude, to 1e-9 degrees (0.1 mm): stable over PROJ's noise."""
    to_wgs84 = pyproj.Transformer.from_crs(epsg, WGS84, always_xy=True)
    lon, lat = to_wgs84.transform(x, y)
    return np.round(lon, 9), np.round(lat, 9)


def _boxes(squares: npt.NDArray[np.object_]) -> pa.StructArray:
    bounds = shapely.bounds(squares).reshape(-1, 4)
    arrays = [pa.array(column) for column in np.ascontiguousarray(bounds.T)]
    return pa.StructArray.from_arrays(arrays, fields=list(_BBOX))


def write_index(path: Path, table: pa.Table) -> pa.Table:
    """Write the rows of all tiles as GeoParquet, and give them in the order written.

    Args:
        path: file to write.
        table: rows of ``SCHEMA`` in any order.
    """
    ordered = _along_hilbert_curve(table)
    geo = json.dumps(_geo_metadata(ordered), sort_keys=True).encode()
    pq.write_table(
        ordered.replace_schema_metadata({b"geo": geo}),
        path,
        compression="zstd",
        row_group_size=_ROW_GROUP,
    )
    return ordered


def _along_hilbert_curve(table: pa.Table) -> pa.Table:
    if not len(table):
        return table
    points = gpd.GeoSeries(gpd.points_from_xy(table["lon"], table["lat"]), crs=WGS84)
    # the whole globe, not the bounds of this release: a patch keeps its distance
    distance = points.hilbert_distance((-180, -90, 180, 90), level=16)
    keys = pd.DataFrame(
        {"distance": distance.to_numpy(), "patch": table["patch_id"].to_pandas()}
    )
    return table.take(keys.sort_values(["distance", "patch"]).index.to_numpy())


def _geo_metadata(table: pa.Table) -> dict[str, object]:
    """The ``geo`` metadata of GeoParquet 1.1."""
    bounds = pd.DataFrame(table["bbox"].to_pylist(), columns=[f.name for f in _BBOX])
    column: dict[str, object] = {
        "encoding": "WKB",
        "geometry_types": ["Polygon"],
        "crs": pyproj.CRS.from_epsg(WGS84).to_json_dict(),
        "orientation": "counterclockwise",
        "edges": "planar",
        "covering": {"bbox": {field.name: ["bbox", field.name] for field in _BBOX}},
    }
    if len(table):
        least, most = bounds.min(), bounds.max()
        column["bbox"] = [least.xmin, least.ymin, most.xmax, most.ymax]
    columns = {"geometry": column}
    return {"version": "1.1.0", "primary_column": "geometry", "columns": columns}
