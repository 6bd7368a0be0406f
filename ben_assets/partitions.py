"""One partition per tile, known without a look at the disk."""

from __future__ import annotations

import dagster as dg

from ben_assets.tiles import load_tiles

tile_partitions = dg.StaticPartitionsDefinition(list(load_tiles()))
"""The 125 tiles of BigEarthNet v2, then those of ``BEN_TILES_CSV``."""
