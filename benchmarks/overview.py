"""``ben tiles`` and ``ben verify`` with BigEarthNet v2 on record: 549,488 patches.

``python -m benchmarks.overview [--rounds 3]``

The records are simulated in the size of real ones, by the storage itself, and no file
beside them is made. What counts is the CPU time of the process, its start included.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.tiles import load_tiles
from ben_assets.validation.expected_hashes import track_tiles
from ben_assets_tests.support.facts import facts_of
from resources.data_root.flow import TILE_ASSETS
from resources.data_root.records import Record, format_record
from resources.data_root.store import Storage
from resources.settings import REPOSITORY, Settings

GOAL_SECONDS: Final = 2.0
PATCHES: Final = 549_488
_FILES_PER_PATCH: Final = {"patches": 12, "reference_maps": 1, "aligned_dataset": 15}


def main() -> int:
    """Measure, and print the result; 1 if the goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as work:
        root, tracked = Path(work) / "data", Path(work) / "tracked"
        n_patches = simulate(Storage(root))
        track_tiles(Storage(root), tracked)
        settings = {"BEN_DATA_DIR": str(root), "BEN_TRACKED_ARTIFACTS": str(tracked)}
        best = {
            command: min(_cpu_seconds(command, settings) for _ in range(rounds))
            for command in ("tiles", "verify")
        }
    print(f"125 tiles, {n_patches} patches on record: best of {rounds}")
    for command, seconds in best.items():
        print(f"ben {command}: {seconds:.2f} CPU s (goal: under {GOAL_SECONDS} s)")
    return 0 if max(best.values()) < GOAL_SECONDS else 1


def simulate(storage: Storage) -> int:
    """Write the records of all tiles; returns the number of patches."""
    tiles = [tile for tile in load_tiles(Settings({})).values() if tile.is_published]
    counts = [PATCHES // len(tiles)] * len(tiles)
    counts[0] += PATCHES - sum(counts)
    for tile, n_patches in zip(tiles, counts, strict=True):
        made_from: dict[str, str] = {}
        for asset in TILE_ASSETS:
            record = _record(asset, tile, n_patches, dict(made_from))
            path = storage.record_path(asset, tile.key)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(format_record(record, {}))
            for output in record.outputs:
                if output.count("/") < 2:
                    (path.parent / output).mkdir(parents=True, exist_ok=True)
            made_from[asset] = record.sha256
    return sum(counts)


def _record(
    asset: str, tile: Tile, n_patches: int, made_from: dict[str, str]
) -> Record:
    n_files = n_patches * _FILES_PER_PATCH.get(asset, 0) or 1
    outputs = [f"BigEarthNet-S2/{tile.key}"]
    if asset == "aligned_dataset":  # a folder for each matching Sentinel-1 patch
        s1_name = f"S1A_IW_GRDH_1SDV_20170613T165043_{tile.product.acquisition.mgrs}"
        outputs += [f"BigEarthNet-S1/{s1_name}/{s1_name}_{n}" for n in range(n_patches)]
    return Record(
        asset=asset,
        tile=tile.key,
        digests={f"{tile.key}_{number:06d}": "0" * 64 for number in range(n_files)},
        bytes=n_files * 10_000,
        outputs=tuple(outputs),
        made_from=made_from,
        facts=facts_of(asset),
    )


def _cpu_seconds(command: str, settings: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "ben_assets.cli", command],
        cwd=REPOSITORY,
        env=with_compiled_modules() | settings,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def with_compiled_modules() -> dict[str, str]:
    """The environment, in which Python keeps compiled modules, as users have it."""
    unset = "PYTHONDONTWRITEBYTECODE"
    return {name: value for name, value in os.environ.items() if name != unset}


if __name__ == "__main__":
    sys.exit(main())
