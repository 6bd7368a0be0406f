"""What 50,000 tiles do to Dagster, its database and the data root.

``python -m benchmarks.scale`` makes a tile list, starts a cluster on loopback (the
extra ``cluster``, PostgreSQL, Redis) and prints a line for each measurement; the
numbers of ``docs/scale.md`` come from it. ``--tiles`` takes another number.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import psycopg2

from ben_assets.bigearthnet.product_names import ProductName
from ben_assets.synthetic.dataset import SyntheticData, make_synthetic_data
from ben_assets.synthetic.tiles import OWN_TILE
from ben_assets.testing.cluster import BACKFILLED, FINISHED, cluster_settings
from ben_assets.testing.cluster_servers import Cluster
from ben_assets.testing.processes import end_on_term, wait_until
from resources.data_root.store import Storage
from resources.settings import REPOSITORY

FOLDER: Final = REPOSITORY / ".bench" / "scale"
_LOAD: Final = """
import json, re, time
from pathlib import Path
start = time.perf_counter()
import dagster
between = time.perf_counter()
from ben_assets.definitions import defs
from ben_assets.partitions import tile_partitions
end = time.perf_counter()
peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
keys = len(tile_partitions.get_partition_keys())
print(json.dumps([keys, between - start, end - between, peak / 1024]))
"""
_FIND: Final = """
import sys, time
from ben_assets.environment import settings_of_process
from ben_assets.tiles import load_tiles
load_tiles(settings_of_process())[sys.argv[1]]
start = time.perf_counter()
load_tiles(settings_of_process())[sys.argv[1]]
print(time.perf_counter() - start)
"""
_KEYS: Final = """query($k: AssetKeyInput!) { assetNodeOrError(assetKey: $k) {
  ... on AssetNode { partitionKeys } } }"""
_STATES: Final = """query($k: AssetKeyInput!) { assetNodeOrError(assetKey: $k) {
  ... on AssetNode { assetPartitionStatuses { __typename
    ... on DefaultPartitionStatuses { materializedPartitions unmaterializedPartitions }
  } } } }"""
_CANCEL: Final = """mutation($id: String!) {
  cancelPartitionBackfill(backfillId: $id) { __typename } }"""
_LARGE_MESSAGES: Final = {
    "DAGSTER_GRPC_MAX_RX_BYTES": "1000000000",
    "DAGSTER_GRPC_MAX_SEND_BYTES": "1000000000",
}
"""Dagster's limit of 100 MB for a code location is met by about 38,000 tiles."""
_QUEUE_SECONDS: Final = 60


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", type=int, default=50_000, help="in the list")
    parser.add_argument("--backfill", type=int, default=1_000, help="tiles of it")
    options = parser.parse_args()
    end_on_term()
    shutil.rmtree(FOLDER, ignore_errors=True)
    synthetic = make_synthetic_data(FOLDER / "synthetic", tiles=(OWN_TILE,), l1c=False)
    names = product_names(options.tiles)
    rows = "".join(f"{name},none\n" for name in names)
    keys = [ProductName.parse(name).tile_key for name in names]
    synthetic.tiles_csv.write_text(f"tile,alignment\n{rows}")
    say("size of the tile list", f"{synthetic.tiles_csv.stat().st_size / 1e6:.1f} MB")
    measure_loading(synthetic, keys)
    measure_folders(keys)
    measure_cluster(synthetic, keys, options.backfill)
    return 0


def say(what: str, value: str) -> None:
    """Print one measurement."""
    print(f"{what:.<58} {value}", flush=True)


def product_names(number: int) -> list[str]:
    """So many products: the demo's own tile, and others five minutes apart."""
    first = OWN_TILE.l1c_name.sensing_time
    before = f"{first:%Y%m%dT%H%M%S}"
    times = (first + timedelta(minutes=5 * n) for n in range(number))
    return [OWN_TILE.name.replace(before, f"{at:%Y%m%dT%H%M%S}") for at in times]


def measure_loading(synthetic: SyntheticData, keys: list[str]) -> None:
    """Time and memory of the definitions, and of finding one tile in a run."""
    settings = cluster_settings(synthetic, FOLDER / "data")
    for name, environment in (
        ("125 tiles", {**settings, "BEN_TILES_CSV": ""}),
        (f"{len(keys) + 125} tiles", settings),
    ):
        answer = python(_LOAD, environment)
        found, library, own, peak = json.loads(answer)
        say(
            f"definitions with {name}: import, beyond Dagster's",
            f"{own:.2f} s ({library:.1f} s), peak {peak:.0f} MB, {found} keys",
        )
    seconds = float(python(_FIND, settings, keys[-1]))
    say("a run's second look-up of its tile", f"{seconds:.3f} s")


def python(code: str, environment: dict[str, str], *arguments: str) -> str:
    """What a piece of Python prints last."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[-1]


def measure_folders(keys: list[str]) -> None:
    """Listing, locking and drafting in an asset folder with all tiles in it."""
    storage = Storage(FOLDER / "many")
    folder = storage.folder("patches")
    folder.mkdir(parents=True)
    for key in keys:
        for suffix in (".json", ".hashes.csv", ".parquet"):
            (folder / f"{key}{suffix}").touch()
        (folder / key).mkdir()
    say("entries of an asset's folder", f"{4 * len(keys)}")
    size = folder.stat().st_size
    say("size of that folder itself", f"{size / 1e6:.1f} MB")
    say("names of all tiles from it", timed(lambda: storage.tiles("patches")))

    def draft() -> None:
        with storage.draft("patches", keys[0]):
            pass

    say("lock, draft folder and clearing up of one tile", timed(draft))
    shutil.rmtree(storage.root)


def timed(action: Callable[[], object]) -> str:
    """How long an action takes."""
    start = time.perf_counter()
    action()
    return f"{time.perf_counter() - start:.3f} s"


def measure_cluster(synthetic: SyntheticData, keys: list[str], number: int) -> None:
    """Pages, a backfill, and what one tile adds to the database."""
    settings = cluster_settings(synthetic, FOLDER / "data") | _LARGE_MESSAGES
    start = time.perf_counter()
    with Cluster(FOLDER / "servers", settings) as cluster:
        say("all servers up after", f"{time.perf_counter() - start:.0f} s")
        for name in ("code", "web", "daemon"):
            say(f"memory of the {name} server", f"{memory_mb(cluster, name):.0f} MB")
        measure_pages(cluster)
        cluster.start_worker("w1")
        measure_run(cluster, keys[0])
        measure_backfill(cluster, keys[:number])
        measure_pages(cluster)
        for name in ("code", "web", "daemon"):
            say(f"memory of the {name} server", f"{memory_mb(cluster, name):.0f} MB")


def measure_pages(cluster: Cluster) -> None:
    """What the page of a partitioned asset asks for."""
    variables = {"k": {"path": ["patches"]}}
    for name, query in (("keys", _KEYS), ("states", _STATES)):
        for turn in ("first", "again"):
            start = time.perf_counter()
            answer = cluster.client.ask(query, **variables)
            seconds = time.perf_counter() - start
            size = len(json.dumps(answer)) / 1e6
            say(
                f"partition {name} of an asset, {turn}",
                f"{seconds:.2f} s, {size:.1f} MB",
            )


def measure_run(cluster: Cluster, key: str) -> None:
    """What one tile adds to the database."""
    before = database(cluster, "select pg_database_size(current_database())")
    run_id = cluster.client.launch("tile_from_l2a", key)
    wait_until(lambda: _status(cluster, run_id) in FINISHED, "the run", 600)
    say("run of one demo tile", _status(cluster, run_id))
    rows = database(cluster, "select count(*) from event_logs")
    size = database(cluster, "select sum(length(event)) from event_logs")
    after = database(cluster, "select pg_database_size(current_database())")
    say("event rows of one tile", f"{rows}, {size / 1e3:.0f} kB of text")
    say("growth of the database by one tile", f"{(after - before) / 1e3:.0f} kB")


def _status(cluster: Cluster, run_id: str) -> str:
    runs = cluster.client.runs()
    return next(str(run["status"]) for run in runs if run["id"] == run_id)


def measure_backfill(cluster: Cluster, keys: list[str]) -> None:
    """Creation of a backfill, and how fast its runs are queued."""
    before = database(cluster, "select pg_database_size(current_database())")
    start = time.perf_counter()
    backfill = cluster.client.backfill(BACKFILLED, keys)
    say(
        f"creation of a backfill of {len(keys)} tiles",
        f"{time.perf_counter() - start:.1f} s",
    )
    runs = "select count(*) from runs"
    wait_until(lambda: database(cluster, runs) > 1, "the first queued run", 900)
    say("first run queued after", f"{time.perf_counter() - start:.0f} s")
    first, at = database(cluster, runs), time.perf_counter()
    time.sleep(_QUEUE_SECONDS)
    queued = database(cluster, runs) - first
    rate = queued / (time.perf_counter() - at)
    say("runs queued for each second", f"{rate:.1f}")
    say("time to queue all of them", f"{len(keys) / max(rate, 1e-9) / 3600:.1f} h")
    cluster.client.ask(_CANCEL, id=backfill)
    after = database(cluster, "select pg_database_size(current_database())")
    rows = database(cluster, runs)
    say("database for each queued run", f"{(after - before) / rows / 1e3:.1f} kB")


def database(cluster: Cluster, question: str) -> Any:  # noqa: ANN401  a number
    """The one value that a query of Dagster's database gives."""
    session = psycopg2.connect(cluster.environment["BEN_LOCK_DSN"])
    try:
        with session.cursor() as cursor:
            cursor.execute(question)
            return cursor.fetchone()[0]
    finally:
        session.close()


def memory_mb(cluster: Cluster, name: str) -> float:
    """Resident memory of a server."""
    status = Path(f"/proc/{cluster.pid(name)}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    sys.exit(main())
