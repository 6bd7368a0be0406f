"""Eight tiles by one Celery worker and by two: times and bytes.

``python -m benchmarks.cluster`` needs the extra ``cluster``, PostgreSQL and Redis. Each
worker is held to one core, so each tile to one thread. Exit 1 if the bytes differ or
two workers take more than 0.6 of the time of one.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ben_assets.synthetic.dataset import SyntheticData, make_synthetic_data
from ben_assets.synthetic.tiles import own_tiles
from ben_assets.testing.cluster import BACKFILLED, cluster_settings, wait_for_runs
from ben_assets.testing.cluster_servers import Cluster, missing_parts
from ben_assets.testing.processes import end_on_term
from resources.settings import REPOSITORY

FOLDER: Final = REPOSITORY / ".bench" / "cluster"
MOST: Final = 0.6
"""Of the time of one worker, for two: half, and a tenth for what they share."""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", type=int, default=8)
    parser.add_argument("--side", type=int, default=24_000, help="of a tile, in metres")
    options = parser.parse_args()
    end_on_term()
    if missing := missing_parts():
        print(f"not run, as this machine lacks: {'; '.join(missing)}")
        return 0
    shutil.rmtree(FOLDER, ignore_errors=True)
    print(f"making {options.tiles} tiles of {options.side} m ...", flush=True)
    tiles = own_tiles(options.tiles)
    synthetic = make_synthetic_data(
        FOLDER / "synthetic", side_m=options.side, tiles=tiles, l1c=False
    )
    spans = {}
    for number in (1, 2):
        runs, _ = run_backfill(FOLDER, synthetic, number)
        spans[number] = span_of(runs)
    trees = [digests(FOLDER / f"data-{number}") for number in (1, 2)]
    share = spans[2] / spans[1]
    print(f"one worker {spans[1]:.1f} s, two {spans[2]:.1f} s: {share:.2f} of the time")
    print(f"{len(trees[0])} files, the same bytes: {trees[0] == trees[1]}")
    return 0 if trees[0] == trees[1] and share <= MOST else 1


def run_backfill(
    folder: Path, synthetic: SyntheticData, workers: int
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """A backfill of all tiles by so many workers, each held to a core of its own.

    Args:
        folder: takes ``data-<workers>`` and ``servers-<workers>``.
        synthetic: the tiles.
        workers: how many.

    Returns:
        The runs, by their start, and the worker of each by its id.
    """
    cores = sorted(os.sched_getaffinity(0))
    root, data = folder / f"servers-{workers}", folder / f"data-{workers}"
    with Cluster(root, cluster_settings(synthetic, data)) as cluster:
        for number in range(workers):
            cluster.start_worker(f"w{number + 1}", [cores[number % len(cores)]])
        cluster.client.backfill(BACKFILLED, synthetic.tile_keys)
        runs = wait_for_runs(cluster, len(synthetic.tile_keys))
        made_by = {run["id"]: cluster.worker_of(run) for run in runs}
    if any(run["status"] != "SUCCESS" for run in runs):
        raise SystemExit(f"a run failed; see {root}")
    return sorted(runs, key=lambda run: float(run["startTime"])), made_by


def span_of(runs: Sequence[Mapping[str, Any]]) -> float:
    """Seconds from the first run's start to the last run's end."""
    start = min(run["startTime"] for run in runs)
    return float(max(run["endTime"] for run in runs) - start)


def digests(data: Path) -> dict[str, str]:
    """Relative path to SHA-256 of all that a backfill made."""
    return {
        str(path.relative_to(data)): hashlib.sha256(path.read_bytes()).hexdigest()
        for asset in BACKFILLED
        for path in sorted((data / asset).rglob("*"))
        if path.is_file()
    }


if __name__ == "__main__":
    sys.exit(main())
