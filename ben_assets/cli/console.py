"""How commands talk: colour and progress where a terminal is, JSON where asked for."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.bigearthnet.outside_text import escaped
from ben_assets.bigearthnet.tile_list import find_tile
from ben_assets.environment import settings_of_process
from ben_assets.tiles import load_tiles, read_tiles, require_own_list

if TYPE_CHECKING:
    from rich.console import Console

Item = TypeVar("Item")

AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]
_MAX_NAME: Final = 100
"""Letters of a name beside a bar."""
COLOURS: Final = {
    **dict.fromkeys(("ok", "done"), "green"),
    **dict.fromkeys(("warns", "stale", "extra", "unfinished"), "yellow"),
    **dict.fromkeys(("lacks", "wrong", "missing"), "red"),
}
"""State to the colour of its word."""
_BARS: Final[list[Console]] = []
"""Where a bar is drawn now."""


def say(line: str, colour: str | None = None, *, err: bool = False) -> None:
    """Print a line, in a colour where a terminal shows it and ``NO_COLOR`` is unset.

    What others wrote into it is escaped: it cannot begin a line of its own.
    """
    echo(_painted(escaped(line), colour), err=err)


def echo(line: str, *, err: bool = False) -> None:
    """Print a line as it is; above the bar where one is drawn on its terminal."""
    if _BARS and (err or sys.stdout.isatty()):
        from rich.text import Text

        _BARS[-1].print(Text.from_ansi(line), soft_wrap=True)
    else:
        typer.echo(line, err=err)


def say_json(content: object) -> None:
    """Print one JSON document."""
    typer.echo(json.dumps(content, indent=1))


def coloured(word: str, width: int = 0) -> str:
    """A word of ``COLOURS`` in its colour, padded; plain where nobody sees colour."""
    return _painted(f"{word:<{width}}", COLOURS.get(word))


def _painted(text: str, colour: str | None) -> str:
    is_plain = colour is None or settings_of_process().text("NO_COLOR") is not None
    return text if is_plain else typer.style(text, fg=colour)


@contextlib.contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[str], None]]:
    """A bar on standard error if that is a terminal; call the result for each step."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(
        console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(what, total=total)

        def advance(name: str) -> None:
            shown = f"{what} {escape(escaped(name, _MAX_NAME))}".rstrip()
            bar.update(task, advance=1, description=shown)

        if console.is_terminal:
            _BARS.append(console)
        try:
            yield advance
        finally:
            _BARS.clear()


def with_progress(items: Iterable[Item], what: str, total: int) -> Iterator[Item]:
    """The items, and a bar that says how many have been taken."""
    with progress(what, total) as advance:
        for item in items:
            yield item
            advance("")


def keys_beginning_with(typed: str) -> list[str]:
    """Tile keys that a shell offers to complete what was typed."""
    tiles, _ = read_tiles(settings_of_process())  # a log would stand in the line
    return [key for key in tiles if key.startswith(typed)]


TileArguments = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TILE]...",
        help="Tile keys (T33UUP_20170613T101031), product names, or parts of one that "
        "name one tile (T33UUP). Default: all.",
        show_default=False,
        autocompletion=keys_beginning_with,
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
