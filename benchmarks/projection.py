"""Hours and bytes of the whole data set, computed from one measured tile.

The measured tile is full: 8,281 patches. Of its time, copying the product, decoding its
bands and the start of a process are the same for every tile; the rest goes with the
number of patches, as do all bytes but those of the product. Two cores make a tile, so
that n cores make n / 2 side by side; the release is made by one process afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

TILES: Final = 125
PATCHES: Final = 549_488
"""Of BigEarthNet v2."""
CORES: Final = (2, 16, 64)
_CORES_A_TILE: Final = 2
_BANDS: Final = 12
_GROW: Final = ("patches", "reference_maps", "archives", "release_archives")
"""Assets whose bytes go with the number of patches; the data set links files."""

Row = Mapping[str, Any]


def projection(steps: Mapping[str, Row], decode: Row, run: Row) -> Iterator[str]:
    """Lines that state hours and bytes.

    Args:
        steps: by asset, ``seconds``, ``bytes`` and ``files`` of the measured tile.
        decode: ``seconds`` that decoding its bands takes.
        run: seconds of the ``start`` of a process, the ``tile`` and its ``release``,
            checks included, as a user runs them.
    """
    n_patches = steps["patches"]["files"] / _BANDS
    fixed = steps["l2a_tiles"]["seconds"] + decode["seconds"]
    per_patch = max(run["tile"] - fixed, 0) / n_patches
    tile = run["start"] + fixed + per_patch * PATCHES / TILES
    release = run["start"] + run["release"] / n_patches * PATCHES
    yield (
        f"a tile: {fixed:.0f} s, {run['start']:.0f} s to start and "
        f"{1000 * per_patch:.1f} ms a patch: {tile:.0f} s on average; the release: "
        f"{release / 3600:.1f} h"
    )
    for cores in CORES:
        rounds = math.ceil(TILES / (cores // _CORES_A_TILE))
        hours = (rounds * tile + release) / 3600
        yield f"{cores} cores: {hours:.1f} h for {TILES} tiles and the release"
    yield f"l2a_tiles: {steps['l2a_tiles']['bytes'] * TILES / 1e9:.0f} GB"
    for asset in _GROW:
        n_bytes = steps[asset]["bytes"] / n_patches * PATCHES
        yield f"{asset}: {n_bytes / 1e9:.0f} GB"
