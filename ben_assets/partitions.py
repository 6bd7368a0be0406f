"""One partition per tile, known without a look at the data root."""

from __future__ import annotations

from typing import Final

import dagster as dg

from ben_assets.environment import settings_of_process
from ben_assets.tiles import load_tiles

TILES: Final = load_tiles(settings_of_process())
"""Tile key to tile: those of ``BEN_TILES_CSV``, then the 125 of BigEarthNet v2."""

ALL_START_AT_L2A: Final = bool(TILES) and all(
    tile.starts_at_l2a for tile in TILES.values()
)
"""Whether no tile of this code location has an L1C product to fetch."""

tile_partitions: Final = dg.StaticPartitionsDefinition(list(TILES))
"""The keys of ``TILES``, in that order."""
