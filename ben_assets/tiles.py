"""The tile list of this installation: tracked tiles and ``BEN_TILES_CSV``."""

from __future__ import annotations

import logging

from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.bigearthnet.tile_list import Tile, add_own_tiles, parse_tracked_tiles
from resources.settings import REPOSITORY, Settings

_log = logging.getLogger(__name__)


def load_tiles(settings: Settings | None = None) -> dict[str, Tile]:
    """Tile key to tile, in order; what is wrong with the user's CSV is logged."""
    settings = settings or Settings()
    tracked = REPOSITORY / "tracked-artifacts" / "tiles.csv"
    tiles = parse_tracked_tiles(tracked.read_text())
    own = settings.path("BEN_TILES_CSV")
    if own is not None:
        try:
            text = own.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            _log.warning("BEN_TILES_CSV: %s cannot be read: %s", own, error)
        else:
            tiles, reports = add_own_tiles(tiles, text, str(own))
            for report in reports:
                _log.warning("%s", report)
    return {tile.key: tile for tile in tiles}


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
