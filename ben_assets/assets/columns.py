"""What the columns of the tables mean, as Dagster shows them."""

from __future__ import annotations

from typing import Final

import dagster as dg


def _schema(**columns: tuple[str, str]) -> dg.TableSchema:
    return dg.TableSchema(
        [
            dg.TableColumn(name, kind, description)
            for name, (kind, description) in columns.items()
        ]
    )


PATCHES: Final = _schema(
    patch_id=("string", "Tile id and cell: `_xx_yy`, column and row of the grid"),
    x=("int16", "Column of the cell, from the left, from 0"),
    y=("int16", "Row of the cell, from the top, from 0"),
    valid=("bool", "No pixel of its twelve bands is zero"),
    season=("string", "Season of the sensing time"),
    split=("string", "train, validation or test, by place in the tile"),
    country=("string", "Nearest of the ten countries"),
    s2v1_name=("string", "The v1 patch on the same square in the same season, or null"),
    geometry=("geometry", "The square of 1200 m in the tile's UTM zone"),
)
REFERENCE_MAPS: Final = _schema(
    patch_id=("string", "Patch id"),
    clc_code=("uint16", "CORINE code of level 3; 999 where no polygon is"),
    pixels=("uint16", "Pixels of the map with this code, of 14,400"),
)
_PUBLISHED: Final = {
    "patch_id": ("string", "Patch id"),
    "labels": ("list of string", "Which of the 19 classes occur"),
    "split": ("string", "train, validation or test, by place in the tile"),
    "country": ("string", "Nearest of the ten countries"),
    "s1_name": ("string", "The matching Sentinel-1 patch"),
    "s2v1_name": ("string", "The v1 patch"),
    "contains_seasonal_snow": ("bool", "Whether the v1 patch shows seasonal snow"),
    "contains_cloud_or_shadow": ("bool", "Whether the v1 patch shows cloud or shadow"),
}
METADATA_TABLES: Final = _schema(
    **_PUBLISHED,
    valid=("bool", "No pixel of its twelve bands is zero"),
    kept=("bool", "Labelled and aligned with v1: part of the data set"),
)
RELEASE_METADATA: Final = _schema(**_PUBLISHED)
RELEASE_INDEX: Final = _schema(
    **_PUBLISHED,
    tile=("string", "Tile key: MGRS tile and sensing time"),
    x=("int16", "Column of the cell, from the left, from 0"),
    y=("int16", "Row of the cell, from the top, from 0"),
    datetime=("timestamp", "Sensing start, UTC"),
    season=("string", "Season of the sensing time"),
    epsg=("int32", "CRS of the patch's rasters"),
    lon=("float64", "Longitude of the centre in degrees"),
    lat=("float64", "Latitude of the centre in degrees"),
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
