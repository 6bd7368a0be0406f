"""Which tiles a command is about."""

from __future__ import annotations

from typing import Annotated

import typer

from ben_assets.tiles import load_tiles

TileArguments = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TILE]...",
        help="Tile keys (L1C product names, with or without .SAFE). Default: all.",
        show_default=False,
    ),
]


def chosen_tiles(given: list[str] | None, *, also: tuple[str, ...] = ()) -> list[str]:
    """The tile keys that were named; empty where none was.

    Args:
        given: as typed.
        also: words that are allowed beside tile keys.

    Raises:
        typer.BadParameter: an unknown tile.
    """
    keys = [name.removesuffix(".SAFE") for name in given or ()]
    known = {*load_tiles(), *also}
    for key in keys:
        if key not in known:
            raise typer.BadParameter(
                f"unknown tile {key}: expected one of tracked-artifacts/tiles.csv or "
                "BEN_TILES_CSV"
            )
    return keys
