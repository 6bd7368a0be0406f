"""What a run of own tiles still lacks of the files that their recipe names."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ben_assets.bigearthnet.errors import BenError
from ben_assets.bigearthnet.recipe import DEFAULT, Recipe, load_recipe
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.cli.finding import Finding, State
from resources.data_root.store import Storage
from resources.settings import Settings

if TYPE_CHECKING:
    from ben_assets.bigearthnet.patch_grid import TileGeocoding
    from resources.inputs.recipe_files import Reach

_SHOWN: Final = 4


def recipe_of(settings: Settings) -> Recipe:
    """The recipe of own tiles."""
    return load_recipe(settings.recipe or DEFAULT)


def recipe_findings(tiles: Sequence[Tile], settings: Settings) -> Iterator[Finding]:
    """The recipe of own tiles and the files that it names."""
    if not _own(tiles):
        return
    from resources.inputs.recipe_files import problems

    recipe = recipe_of(settings)
    wrong = problems(recipe)
    europe = ", of Europe alone" if recipe.land_cover.path is None else ""
    named = f"{recipe.name}: {recipe.land_cover.title}{europe}"
    detail = "; ".join(wrong) or named
    yield Finding("recipe", State.LACKS if wrong else State.OK, detail)


def land_cover_findings(tiles: Sequence[Tile], settings: Settings) -> Iterator[Finding]:
    """How far the land cover of the recipe reaches over own tiles.

    Silent where there is nothing to look at: the recipe or the pinned input says so.
    """
    from resources.inputs.recipe_files import reach
    from resources.inputs.reference import ReferenceInputs

    if not _own(tiles) or settings.takes_clc_from_postgis:
        return
    with contextlib.suppress(BenError):
        cover = recipe_of(settings).land_cover
        path = cover.path or ReferenceInputs.from_settings(settings).clc_path
        if path.exists():
            places = {_mgrs(tile): _place(tile, settings) for tile in _own(tiles)}
            found = reach(cover, path, places)
            state = State.WARNS if found.partly else State.OK
            state = State.LACKS if found.outside else state
            yield Finding("land cover", state, _sentence(found, cover.year, path))


def _own(tiles: Sequence[Tile]) -> list[Tile]:
    return [tile for tile in tiles if tile.alignment != "v1"]


def _mgrs(tile: Tile) -> str:
    return f"T{tile.product.acquisition.mgrs}"


def _place(tile: Tile, settings: Settings) -> TileGeocoding:
    """Where a tile lies: by its patches where they are made, else by its name."""
    from ben_assets.bigearthnet.patch_grid import grid_of_mgrs
    from resources.data_root.facts import PatchFacts

    made = Storage(settings.data_dir).find("patches", tile.key)
    if made is not None:
        return made.facts_as(PatchFacts).geocoding
    return grid_of_mgrs(tile.product.acquisition.mgrs)


def _sentence(found: Reach, year: int, path: Path) -> str:
    """What of the tiles lies outside, and what to get."""
    from ben_assets.bigearthnet.worldcover import worldcover_folder

    parts = [f"outside of {path}: {_some(found.outside)}"] if found.outside else []
    if found.partly:
        shares = [f"{tile} ({share:.0%})" for tile, share in found.partly.items()]
        parts.append(f"partly outside of {path}: {_some(shares)}")
    if found.worldcover_files:
        parts.append(
            f"get {', '.join(found.worldcover_files)} from {worldcover_folder(year)} "
            "(of open sea there is none)"
        )
    elif parts:
        parts.append("what is outside has no land cover (999)")
    return "; ".join(parts) or f"{path} reaches over all of the tiles"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
