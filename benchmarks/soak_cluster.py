"""Tiles through a cluster whose parts are killed at random; then every byte is checked.

``python -m benchmarks.soak_cluster --minutes 20`` needs the extra ``cluster``,
PostgreSQL and Redis. Two overlapping backfills of the same tiles, again and again;
meanwhile a worker is killed, Redis or PostgreSQL restarted, or a run terminated, every
few seconds. At the end each tile must have the bytes of a quiet run, and ``ben verify``
must be content. Exit 1 otherwise.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from typing import Final

from ben_assets.synthetic.dataset import SyntheticData, make_synthetic_data
from ben_assets.synthetic.tiles import own_tiles
from ben_assets.testing.cluster import (
    BACKFILLED,
    FINISHED,
    cluster_settings,
    wait_for_runs,
)
from ben_assets.testing.cluster_servers import Cluster, missing_parts
from ben_assets.testing.processes import end_on_term
from benchmarks.cluster import digests
from resources.settings import REPOSITORY

FOLDER: Final = REPOSITORY / ".bench" / "soak-cluster"
_PATIENCE: Final = {"lost_after_seconds": 5, "poll_interval_seconds": 2}
_JOB: Final = "tile_from_l2a"


def main() -> int:
    """Run the campaign."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--tiles", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    end_on_term()
    if missing := missing_parts():
        print(f"not run, as this machine lacks: {'; '.join(missing)}")
        return 0
    shutil.rmtree(FOLDER, ignore_errors=True)
    tiles = own_tiles(options.tiles)
    synthetic = make_synthetic_data(
        FOLDER / "synthetic", side_m=12_000, tiles=tiles, l1c=False
    )
    quiet, stormy = FOLDER / "quiet", FOLDER / "stormy"
    with Cluster(
        FOLDER / "servers-quiet", cluster_settings(synthetic, quiet)
    ) as cluster:
        cluster.start_worker("w1")
        _launch_all(cluster, synthetic)
        wait_for_runs(cluster, len(tiles))
    settings = cluster_settings(synthetic, stormy)
    with Cluster(FOLDER / "servers", settings, _PATIENCE) as cluster:
        counts = _storm(cluster, synthetic, options.minutes * 60, options.seed)
        _launch_all(cluster, synthetic)
        runs = wait_for_runs(cluster, len(tiles))
    print(f"injected: {dict(counts)}; runs: {dict(Counter(r['status'] for r in runs))}")
    same = digests(quiet) == digests(stormy)
    command = [sys.executable, "-m", "ben_assets.cli", "verify", "--all", "--deep"]
    verified = subprocess.run(command, cwd=REPOSITORY, env=settings, check=False)
    print(f"same bytes: {same}; ben verify --all --deep: {verified.returncode}")
    return 0 if same and verified.returncode == 0 else 1


def _launch_all(cluster: Cluster, synthetic: SyntheticData) -> None:
    for key in synthetic.tile_keys:
        cluster.client.launch(_JOB, key)


def _storm(
    cluster: Cluster, synthetic: SyntheticData, seconds: float, seed: int
) -> Counter[str]:
    chance, counts = random.Random(seed), Counter[str]()
    for number in range(2):
        cluster.start_worker(f"w{number}")
    end, workers = time.monotonic() + seconds, 2
    while time.monotonic() < end:
        with contextlib.suppress(OSError):  # the webserver may find its database away
            if not _unfinished(cluster):
                cluster.client.backfill(BACKFILLED, synthetic.tile_keys)
                _launch_all(cluster, synthetic)
        time.sleep(chance.uniform(2, 15))
        what = chance.choice(("worker", "worker", "redis", "postgres", "terminate"))
        counts[what] += 1
        print(f"  {what}", flush=True)
        if what == "worker":
            cluster.kill(chance.choice(cluster.workers))
            cluster.start_worker(f"w{workers}")
            workers += 1
        elif what == "redis":
            cluster.kill("redis")
            cluster.start_redis()
        elif what == "postgres":
            cluster.restart_postgres()
        elif running := _unfinished(cluster):
            with contextlib.suppress(OSError):
                cluster.client.terminate(chance.choice(running))
    return counts


def _unfinished(cluster: Cluster) -> list[str]:
    runs = cluster.client.runs()
    return [run["id"] for run in runs if run["status"] not in FINISHED]


if __name__ == "__main__":
    sys.exit(main())
