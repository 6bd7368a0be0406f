"""The tile list of this installation: ``BEN_TILES_CSV`` and the tracked tiles."""

from __future__ import annotations

import functools
import logging
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.errors import InvalidInput, MissingInput
from ben_assets.bigearthnet.outside_text import escaped
from ben_assets.bigearthnet.plain_files import read_plain
from ben_assets.bigearthnet.shipped_files import SHIPPED
from ben_assets.bigearthnet.tile_list import (
    Tile,
    add_own_tiles,
    parse_tracked_tiles,
)
from resources.settings import Settings

_log = logging.getLogger(__name__)
_NO_TILES = "tile\n"
_MOST_BYTES: Final = 64 << 20
"""Half a million rows."""
_TRACKED: Final = SHIPPED / "tracked-artifacts" / "tiles.csv"


def load_tiles(settings: Settings) -> dict[str, Tile]:
    """Tile key to tile, the user's own first; what is wrong with them is logged."""
    tiles, reports = read_tiles(settings)
    for report in reports:
        _log.warning("%s", report)
    return tiles


def read_tiles(settings: Settings) -> tuple[dict[str, Tile], tuple[str, ...]]:
    """Tile key to tile, the user's own first, and what is wrong with the list."""
    problems: tuple[str, ...] = ()
    try:
        own = settings.path("BEN_TILES_CSV")
    except InvalidInput as error:
        own, problems = None, (str(error),)
    tracked = settings.choice("BEN_TRACKED_TILES", ("1", "0")) == "1"
    own_text, problems = _read(own) if own else (_NO_TILES, problems)
    tiles, reports = _parsed(
        _TRACKED.read_text() if tracked else "", own_text, str(own)
    )
    shown = tuple(map(escaped, (*problems, *reports)))
    return {tile.key: tile for tile in tiles}, shown


@functools.cache
def published_keys() -> frozenset[str]:
    """The keys of the 125 tiles, also where ``BEN_TRACKED_TILES`` leaves them out."""
    return frozenset(tile.key for tile in parse_tracked_tiles(_TRACKED.read_text()))


def require_own_list(settings: Settings) -> None:
    """Refuse a ``BEN_TILES_CSV`` that is not there.

    Raises:
        MissingInput: the file does not exist or cannot be read.
    """
    own = settings.path("BEN_TILES_CSV")
    if own is not None and (problems := _read(own)[1]):
        raise MissingInput(f"{problems[0]}; correct the path, or unset it")


def _read(path: Path) -> tuple[str, tuple[str, ...]]:
    try:
        return read_plain(path, _MOST_BYTES).decode(errors="replace"), ()
    except OSError as error:
        reason = error.strerror or error
        return _NO_TILES, (f"BEN_TILES_CSV: {path} cannot be read: {reason}",)


@functools.lru_cache(maxsize=4)  # each asset of a run asks; 50,000 rows take seconds
def _parsed(
    tracked_text: str, own_text: str, source: str
) -> tuple[tuple[Tile, ...], tuple[str, ...]]:
    tiles, reports = add_own_tiles(parse_tracked_tiles(tracked_text), own_text, source)
    return tuple(tiles), tuple(reports)
