"""Land cover polygons of a user's own: any vector file with a column of codes."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import pyogrio
import pyogrio.errors
import pyproj

from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.plain_files import require_plain
from ben_assets.bigearthnet.recipe import LandCover
from ben_assets.bigearthnet.reproject import bounds_in

ID_COLUMN: Final = "ID"
"""Decides which of two overlapping polygons wins; the order of the file without it."""


def read_polygons(
    path: Path, cover: LandCover, grid: TileGeocoding
) -> tuple[gpd.GeoDataFrame, pyproj.CRS]:
    """The polygons near a tile, as ``reference_map.prepare_polygons`` wants them.

    Args:
        path: the vector file.
        cover: says which layer and column.
        grid: the tile.

    Returns:
        Columns Code_18 and ID (text) and geometry, and the CRS of the geometry.

    Raises:
        InvalidInput: no such layer or column, no CRS, or not a vector file.
    """
    layer = layer_of(path, cover.layer)
    info = require_layer(path, layer, {"land_cover.code_column": cover.code_column})
    crs = pyproj.CRS.from_user_input(info["crs"])
    wanted = [cover.code_column, ID_COLUMN]
    table = pyogrio.read_dataframe(
        path,
        layer=layer,
        columns=[name for name in dict.fromkeys(wanted) if name in info["fields"]],
        bbox=bounds_in(grid, crs),
        fid_as_index=True,
    )
    ids = table[ID_COLUMN] if ID_COLUMN in table else table.index.map("{:012d}".format)
    codes = table[cover.code_column]
    polygons = gpd.GeoDataFrame(
        {"Code_18": codes.astype(str), "ID": ids.astype(str)},
        geometry=table.geometry,
        crs=table.crs,
    )
    return polygons, crs


def layer_of(path: Path, stated: str | None) -> str:
    """The stated layer, or the only one.

    Raises:
        InvalidInput: there are several, or none of that name.
    """
    require_plain(path)
    try:
        layers = [str(name) for name, _ in pyogrio.list_layers(path)]
    except pyogrio.errors.DataSourceError as error:
        raise InvalidInput(f"{path}: not a readable vector file: {error}") from error
    if stated in layers:
        return stated
    if stated is None and len(layers) == 1:
        return layers[0]
    raise InvalidInput(
        f"{path}: expected the layer {stated or '(land_cover.layer is not set)'}, "
        f"found {', '.join(layers)}; set land_cover.layer in the recipe to one of them"
    )


def require_layer(
    path: Path, layer: str | None, columns: Mapping[str, str | None]
) -> dict[str, Any]:
    """What a vector file says of a layer that has a CRS and all these columns.

    Args:
        path: the file.
        layer: its name; None: the first.
        columns: key of the recipe to the name of a column.

    Raises:
        InvalidInput: not readable, no CRS, or a column is missing.
    """
    require_plain(path)
    try:
        info: dict[str, Any] = pyogrio.read_info(path, layer=layer)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise InvalidInput(f"{path}: cannot be read: {error}") from error
    found = list(map(str, info["fields"]))
    for key, column in columns.items():
        if column not in found:
            near = difflib.get_close_matches(column or "", found, n=1, cutoff=0.5)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise InvalidInput(
                f"{path}: expected the column {column}, found {', '.join(found)}"
                f"{hint}; correct {key} in the recipe"
            )
    if not info["crs"]:
        raise InvalidInput(f"{path}: expected a stated CRS, found none")
    return info
