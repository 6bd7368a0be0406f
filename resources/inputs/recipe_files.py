"""The files that a recipe names: are they there, and do they reach the tiles?

Answers before a run what its steps would say hours later. Not here: reading them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyproj

from ben_assets.bigearthnet.errors import BenError, MissingInput
from ben_assets.bigearthnet.land_cover_raster import (
    PLACES,
    places_outside,
    rasters_of_tile,
    require_rasters,
)
from ben_assets.bigearthnet.land_cover_vector import layer_of, require_layer
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.recipe import LandCover, Recipe, require_named
from ben_assets.bigearthnet.reproject import bounds_in, boxes_meet
from ben_assets.bigearthnet.worldcover import (
    LEGEND,
    WORLDCOVER_FILES,
    worldcover_name,
)


def problems(recipe: Recipe) -> list[str]:
    """What is wrong with the files of a recipe, each as a sentence.

    Columns, layers, CRS and data types are looked at; what the files hold is not.
    """
    found = []
    looks: tuple[tuple[str, Path | None, Callable[[Recipe], None]], ...] = (
        ("land_cover.path", recipe.land_cover.path, _require_land_cover),
        ("countries.path", recipe.countries.path, _require_countries),
    )
    for key, path, require in looks:
        if path is not None:
            try:
                require_named(path, key)
                require(recipe)
            except BenError as error:
                found.append(str(error))
    return found


def _require_land_cover(recipe: Recipe) -> None:
    cover, path = recipe.land_cover, recipe.land_cover.path
    assert path is not None
    if cover.is_raster:
        require_rasters(path)
    else:
        columns = {"land_cover.code_column": cover.code_column}
        require_layer(path, layer_of(path, cover.layer), columns)


def _require_countries(recipe: Recipe) -> None:
    countries = recipe.countries
    assert countries.path is not None
    require_layer(countries.path, None, {"countries.column": countries.column})


@dataclass(frozen=True)
class Reach:
    """Which tiles a land cover leaves open."""

    outside: tuple[str, ...]
    """Tiles that it does not meet at all."""
    partly: Mapping[str, float]
    """Tile to its share outside of all rasters, above 0 and below 1."""
    worldcover_files: tuple[str, ...]
    """Files of WorldCover that are missing; over open sea there are none."""


def reach(cover: LandCover, path: Path, tiles: Mapping[str, TileGeocoding]) -> Reach:
    """How far land cover reaches over tiles, by the extent of its files.

    Args:
        cover: what is read from ``path``.
        path: the file, or the folder of rasters, which may be empty.
        tiles: name to place.

    Raises:
        InvalidInput: a file cannot be used.
    """
    if not cover.is_raster:
        meets = _meets_vector(cover, path)
        outside = tuple(tile for tile, grid in tiles.items() if not meets(grid))
        return Reach(outside, {}, ())
    met = {tile: _rasters(path, grid) for tile, grid in tiles.items()}
    places = {tile: places_outside(met[tile], grid) for tile, grid in tiles.items()}
    shares = {tile: len(found) / PLACES for tile, found in places.items()}
    return Reach(
        tuple(tile for tile, rasters in met.items() if not rasters),
        {tile: share for tile, share in shares.items() if share and met[tile]},
        tuple(_missing_worldcover(cover, path, places.values())),
    )


def _rasters(path: Path, grid: TileGeocoding) -> list[Path]:
    try:
        return rasters_of_tile(path, grid)
    except MissingInput:
        return []


def _meets_vector(cover: LandCover, path: Path) -> Callable[[TileGeocoding], bool]:
    """Tells whether a tile meets the box of a layer; it does where none is stated."""
    layer = layer_of(path, cover.layer)
    info = require_layer(path, layer, {})
    box, crs = info["total_bounds"], pyproj.CRS.from_user_input(info["crs"])

    def meets(grid: TileGeocoding) -> bool:
        wanted = bounds_in(grid, crs)
        return box is None or boxes_meet(wanted, box)

    return meets


def _missing_worldcover(
    cover: LandCover, path: Path, places: Iterable[npt.NDArray[np.float64]]
) -> list[str]:
    """Files of WorldCover that places lie in and that a folder lacks, sorted."""
    if cover.legend.name != LEGEND and not any(path.glob(WORLDCOVER_FILES)):
        return []
    files = {
        worldcover_name(longitude, latitude, cover.year)
        for some in places
        for longitude, latitude in some.tolist()
    }
    return sorted(file for file in files if not (path / file).exists())
