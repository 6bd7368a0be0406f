"""The tile list of this installation: tracked tiles and ``BEN_TILES_CSV``."""

from __future__ import annotations

import functools
import logging

from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.bigearthnet.tile_list import Tile, add_own_tiles, parse_tracked_tiles
from resources.settings import REPOSITORY, Settings

_log = logging.getLogger(__name__)


def load_tiles(settings: Settings | None = None) -> dict[str, Tile]:
    """Tile key to tile, in order; what is wrong with the user's CSV is logged."""
    own = (settings or Settings()).path("BEN_TILES_CSV")
    own_text = ""
    if own is not None:
        try:
            own_text = own.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            _log.warning("BEN_TILES_CSV: %s cannot be read: %s", own, error)
            own = None
    tracked = REPOSITORY / "tracked-artifacts" / "tiles.csv"
    tiles, reports = _parsed(tracked.read_text(), own_text, own and str(own))
    for report in reports:
        _log.warning("%s", report)
    return {tile.key: tile for tile in tiles}


@functools.lru_cache(maxsize=4)  # each asset of a run asks; 50,000 rows take seconds
def _parsed(
    tracked_text: str, own_text: str, own_name: str | None
) -> tuple[tuple[Tile, ...], tuple[str, ...]]:
    tiles = parse_tracked_tiles(tracked_text)
    reports: list[str] = []
    if own_name is not None:
        tiles, reports = add_own_tiles(tiles, own_text, own_name)
    return tuple(tiles), tuple(reports)


def find_tile(key: str, settings: Settings | None = None) -> Tile:
    """The tile of a key.

    Raises:
        InvalidInput: there is no such tile.
    """
    tiles = load_tiles(settings)
    if key not in tiles:
        raise InvalidInput(
            f"unknown tile {key}; expected one of the {len(tiles)} in "
            "tracked-artifacts/tiles.csv and BEN_TILES_CSV"
        )
    return tiles[key]
