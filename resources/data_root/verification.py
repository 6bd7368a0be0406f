"""What is on disk beside what the records expectation.

Belongs here: reading artifacts again and naming what differs. Not here: how to show it
and how to repair it.
"""

from ben_assets.validation.survey import find_differences
from resources.data_root.difference import (
    RELEASE_ASSETS,
    TILE_ASSETS,
    Difference,
    Kind,
)
from resources.data_root.staleness import stale_inputs
from resources.data_root.tile_files import still_verifies, verify_tile

__all__ = [
    "RELEASE_ASSETS",
    "TILE_ASSETS",
    "Difference",
    "Kind",
    "find_differences",
    "stale_inputs",
    "still_verifies",
    "verify_tile",
]
