"""Full-size tiles through a backfill of two workers: do later tiles take longer?

``python -m benchmarks.backfill [--tiles 12]`` needs the extra ``cluster``, PostgreSQL
and Redis, and 4 GB of disk for each tile. The bands are as hard to decode as real
ones (``benchmarks.full_tile``); each worker is held to one core. Exit 1 if the last
third of the tiles takes more than 1.1 times as long as the first.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ben_assets.steps.step_context import cpu_count
from ben_assets.synthetic.tiles import own_tiles
from ben_assets.testing.cluster import print_runs
from ben_assets.testing.cluster_servers import missing_parts
from ben_assets.testing.processes import end_on_term
from benchmarks.cluster import run_backfill, span_of
from benchmarks.full_tile import make_full_tiles, texture_source
from resources.settings import REPOSITORY

FOLDER: Final = REPOSITORY / ".bench" / "backfill"
WORKERS: Final = 2
GOAL_GROWTH: Final = 1.1
"""Seconds a tile in the last third, of those in the first, at most."""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser("python -m benchmarks.backfill")
    parser.add_argument("--tiles", type=int, default=12, help="how many, at least 3")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args()
    if options.tiles < 3:
        parser.error(f"--tiles must be at least 3, found {options.tiles}")
    end_on_term()
    if missing := missing_parts():
        print(f"not run, as this machine lacks: {'; '.join(missing)}")
        return 0
    folder = options.folder.resolve()
    if folder.exists():
        parser.error(f"{folder} is there already; remove it first")
    print(f"generating {options.tiles} tiles (pixels: {texture_source()}) ...")
    tiles = own_tiles(options.tiles)
    made = make_full_tiles(folder / "inputs", tiles, threads=cpu_count())
    runs, made_by = run_backfill(folder, made, WORKERS)
    print_runs(runs, made_by)
    seconds = [run["endTime"] - run["startTime"] for run in runs]
    growth = growth_of(seconds)
    print(
        f"{span_of(runs) / len(runs):.1f} s a tile by {WORKERS} workers; the last "
        f"third took {growth:.2f} times as long as the first (goal: at most "
        f"{GOAL_GROWTH})"
    )
    return int(growth > GOAL_GROWTH)


def growth_of(seconds: Sequence[float]) -> float:
    """Mean of the last third in means of the first, by the order of starts."""
    third = len(seconds) // 3
    return statistics.fmean(seconds[-third:]) / statistics.fmean(seconds[:third])


if __name__ == "__main__":
    sys.exit(main())
