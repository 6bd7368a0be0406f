"""A difference between what is on disk and what was expected."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

TILE_ASSETS: Final = (
    "tile_ids",
    "l1c_zips",
    "l2a_tiles",
    "patches",
    "reference_maps",
    "metadata_tables",
    "aligned_dataset",
    "archives",
    "training_lmdb",
)
"""Assets with one record per tile, in flow order."""
RELEASE_ASSETS: Final = (
    "tile_id_csv",
    "l1c_hash_csv",
    "release_metadata",
    "release_archives",
    "release_report",
    "release_index",
    "release_lmdb",
    "release_shards",
    "release_statistics",
    "release_card",
)
"""Assets with one record for all tiles, in flow order."""


class Kind(StrEnum):
    """In what way something on disk differs."""

    MISSING = "missing"
    EXTRA = "extra"
    WRONG = "wrong"
    UNFINISHED = "unfinished"
    STALE = "stale"


@dataclass(frozen=True, order=True)
class Difference:
    """One thing on disk that is not what it should be."""

    asset: str
    """Asset key: the folder below the data root."""
    tile: str
    """Tile key, ``release``, or empty where it belongs to no tile."""
    file: str
    """Path below the asset's folder."""
    kind: Kind
    """In what way it differs."""
    detail: str
    """Expected and found."""
    rebuilt_by: str
    """Asset that makes it anew; empty where somebody has to take it away."""
