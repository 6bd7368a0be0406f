"""Which tiles a command is about."""

from __future__ import annotations

from typing import Annotated

import typer

from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.bigearthnet.tile_list import find_tile
from ben_assets.environment import settings_of_process
from ben_assets.tiles import load_tiles, require_own_list

TileArguments = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TILE]...",
        help="Tile keys (T33UUP_20170613T101031), product names, or parts of one that "
        "name one tile (T33UUP). Default: all.",
        show_default=False,
    ),
]


def chosen_tiles(given: list[str] | None, *, also: tuple[str, ...] = ()) -> list[str]:
    """The keys of the tiles that were named; empty where none was.

    Args:
        given: as typed.
        also: words that are allowed beside tiles.

    Raises:
        typer.BadParameter: what is named is no tile, or several.
        MissingInput: ``BEN_TILES_CSV`` is not there.
    """
    settings = settings_of_process()
    require_own_list(settings)
    known = load_tiles(settings)
    try:
        return [n if n in also else find_tile(n, known).key for n in given or ()]
    except InvalidInput as error:
        raise typer.BadParameter(str(error)) from error
