"""``make cluster-demo``: demo tiles through two Celery workers on loopback.

PostgreSQL, Redis, daemon, webserver and workers are started, a backfill goes through
them, and all are stopped again. Everything lies in ``.cluster-demo/``; the caller's own
settings are ignored. The first worker is there from the start, the second comes late.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from ben_assets.synthetic.dataset import SyntheticData, make_synthetic_data
from ben_assets.synthetic.tiles import own_tiles
from ben_assets.testing.cluster_client import ClusterError
from ben_assets.testing.cluster_servers import Cluster
from ben_assets.testing.processes import end_on_term, without_settings
from resources.data_root.flow import TILE_ASSETS
from resources.data_root.store import Storage
from resources.settings import REPOSITORY

FOLDER: Final = REPOSITORY / ".cluster-demo"
BACKFILLED: Final = TILE_ASSETS[TILE_ASSETS.index("l2a_tiles") :]
"""What a backfill of imported L2A products makes of each tile."""
FINISHED: Final = ("SUCCESS", "FAILURE", "CANCELED")
_POLL_SECONDS: Final = 2.0


def main() -> int:
    """Run the demo."""
    parser = argparse.ArgumentParser(prog="make cluster-demo", description=__doc__)
    parser.add_argument("--tiles", type=int, default=6, help="how many tiles")
    options = parser.parse_args()
    end_on_term()
    shutil.rmtree(FOLDER, ignore_errors=True)
    print(f"making {options.tiles} small Sentinel-2 tiles ...", flush=True)
    synthetic = make_synthetic_data(
        FOLDER / "synthetic", tiles=own_tiles(options.tiles), l1c=False
    )
    try:
        return _run(synthetic)
    except ClusterError as error:
        print(error, file=sys.stderr)
        return 2


def cluster_settings(synthetic: SyntheticData, data: Path) -> dict[str, str]:
    """The environment of all processes of a cluster on a synthetic data set."""
    return without_settings() | synthetic.settings() | {"BEN_DATA_DIR": str(data)}


def _run(synthetic: SyntheticData) -> int:
    data = FOLDER / "data"
    print("starting PostgreSQL, Redis, code server, webserver, daemon ...", flush=True)
    with Cluster(FOLDER / "servers", cluster_settings(synthetic, data)) as cluster:
        cluster.start_worker("w1")
        print("worker w1 is ready; backfill of all tiles", flush=True)
        cluster.client.backfill(BACKFILLED, synthetic.tile_keys)
        cluster.start_worker("w2")
        print("worker w2 is ready", flush=True)
        runs = wait_for_runs(cluster, len(synthetic.tile_keys))
        workers = {run["id"]: cluster.worker_of(run) for run in runs}
    print_runs(runs, workers)
    made = Storage(data).tiles("archives")
    fine = all(run["status"] == "SUCCESS" for run in runs)
    print(f"{len(made)} of {len(synthetic.tile_keys)} tiles are complete in {data}")
    return 0 if fine and len(made) == len(synthetic.tile_keys) else 1


def wait_for_runs(cluster: Cluster, number: int) -> list[dict[str, Any]]:
    """All runs once there are so many and they are over; tells of each."""
    told: set[str] = set()
    while True:
        runs = [
            run
            for run in cluster.client.runs()
            if run["status"] != "NOT_STARTED"  # its launch failed, and was told so
        ]
        finished = [run for run in runs if run["status"] in FINISHED]
        for run in finished:
            if run["id"] not in told:
                told.add(run["id"])
                tile = run["tags"]["dagster/partition"]
                print(
                    f"  {run['status']} {tile} ({cluster.worker_of(run)})", flush=True
                )
        if len(finished) == len(runs) >= number:
            return runs
        time.sleep(_POLL_SECONDS)


def print_runs(runs: Sequence[dict[str, Any]], workers: dict[str, str]) -> None:
    """Print which worker made what, and how well they were used."""
    start = min(run["startTime"] for run in runs)
    span = max(run["endTime"] for run in runs) - start
    table = Table(title="Which worker made what", title_justify="left")
    for column in ("worker", "tile", "from s", "to s", "seconds"):
        table.add_column(column, justify="right" if "s" in column[-7:] else "left")
    for run in sorted(runs, key=lambda run: (workers[run["id"]], run["startTime"])):
        begin, end = run["startTime"] - start, run["endTime"] - start
        tile = run["tags"]["dagster/partition"]
        times = (f"{begin:.1f}", f"{end:.1f}", f"{end - begin:.1f}")
        table.add_row(workers[run["id"]], tile, *times)
    Console(width=110).print(table)  # whole tile keys, also where no terminal is
    busy = sum(run["endTime"] - run["startTime"] for run in runs)
    number = len(set(workers.values()))
    print(
        f"{len(runs)} tiles in {span:.1f} s by {number} workers, which were busy for "
        f"{busy:.1f} s together: {busy / (span * number):.0%} of their time"
    )


if __name__ == "__main__":
    sys.exit(main())
