"""The columns of all tables that are written: name, type and meaning, stated once.

Kinds are names; ``arrow_schema`` turns them into Arrow's types, ``release_tables`` into
those of DuckDB, so that whoever only shows columns need not load pyarrow.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa


class Column(NamedTuple):
    """What a column holds."""

    kind: str
    """Name of its type."""
    meaning: str
    """For people."""


Columns = Mapping[str, Column]
"""Name to column, in the order of the table."""


def _columns(*parts: Columns, **own: tuple[str, str]) -> Columns:
    columns = {name: column for part in parts for name, column in part.items()}
    return MappingProxyType(columns | {n: Column(*one) for n, one in own.items()})


_PATCH_ID: Final = _columns(patch_id=("string", "Patch id"))
_CELL: Final = _columns(
    x=("int16", "Column of the cell, from the left, from 0"),
    y=("int16", "Row of the cell, from the top, from 0"),
)
_VALID: Final = _columns(valid=("bool", "No pixel of its twelve bands is zero"))
_SEASON: Final = _columns(season=("string", "Season of the sensing time"))
_PLACE: Final = _columns(
    split=("string", "train, validation or test"),
    country=("string", "Nearest of the ten countries"),
)

PATCHES: Final = _columns(
    _PATCH_ID,
    _CELL,
    _VALID,
    _SEASON,
    _PLACE,
    s2v1_name=("string", "The v1 patch on the same square in the same season, or null"),
    geometry=("geometry", "The square of 1200 m in the tile's UTM zone"),
)
"""Of ``patches``: one row a grid cell."""
REFERENCE_MAPS: Final = _columns(
    _PATCH_ID,
    clc_code=("uint16", "CORINE code of level 3; 999 where no polygon is"),
    pixels=("uint16", "Pixels of the map with this code, of 14,400"),
)
"""Of ``reference_maps``: one row a patch and code."""
PUBLISHED: Final = _columns(
    _PATCH_ID,
    _columns(labels=("list of string", "Which of the 19 classes occur")),
    _PLACE,
    s1_name=("string", "Matching Sentinel-1 patch, if there is one"),
    s2v1_name=("string", "The v1 patch"),
    contains_seasonal_snow=("bool", "Whether there is seasonal snow"),
    contains_cloud_or_shadow=("bool", "Whether there is cloud or shadow"),
)
"""Of the published metadata: one row a patch."""
METADATA_TABLES: Final = _columns(
    PUBLISHED,
    _VALID,
    kept=("bool", "Labelled and aligned with v1: part of the data set"),
)
"""Of ``metadata_tables``: one row a grid cell."""
RELEASE_INDEX: Final = _columns(
    PUBLISHED,
    _columns(tile=("string", "Tile key: MGRS tile and sensing time")),
    _CELL,
    _columns(datetime=("timestamp", "Sensing start, UTC")),
    _SEASON,
    epsg=("int32", "CRS of the patch's rasters"),
    lon=("float64", "Longitude of the patch's centre in degrees"),
    lat=("float64", "Latitude of the patch's centre in degrees"),
    product=("string", "L2A product"),
    baseline=("string", "Processing baseline of the product"),
    value_scale=("string", "Scale of the digital numbers"),
    recipe=("string", "Recipe that gave the labels"),
    labels_19=("list of uint8", "Places of the labels in paper order"),
    pixels=("map of uint16 to uint16", "Land-cover code to number of pixels"),
    label_ids=("list of uint8", "Places of the labels in the recipe's order"),
    bbox=("struct", "xmin, ymin, xmax, ymax in degrees"),
    geometry=("geometry", "The square of 1200 m in EPSG:4326"),
)
"""Of ``release_index``: one row a patch."""


def arrow_schema(columns: Columns) -> pa.Schema:
    """The Arrow types of a table; geometries are WKB."""
    import pyarrow as pa  # who only shows columns need not load it

    box = [(name, pa.float64()) for name in ("xmin", "ymin", "xmax", "ymax")]
    types = {
        "string": pa.string(),
        "bool": pa.bool_(),
        "int16": pa.int16(),
        "uint16": pa.uint16(),
        "int32": pa.int32(),
        "float64": pa.float64(),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "list of string": pa.list_(pa.string()),
        "list of uint8": pa.list_(pa.uint8()),
        "map of uint16 to uint16": pa.map_(pa.uint16(), pa.uint16()),
        "struct": pa.struct(box),
        "geometry": pa.binary(),
    }
    return pa.schema([(name, types[one.kind]) for name, one in columns.items()])
