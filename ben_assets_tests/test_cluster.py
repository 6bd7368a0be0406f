"""A whole cluster on loopback: PostgreSQL, Redis, daemon, webserver, Celery workers.

One story in steps, because the servers take long to start; each step is a claim.
"""

import os
import re
import time

import pytest

from ben_assets.demo.cluster import FINISHED, cluster_settings
from ben_assets.demo.cluster_servers import Cluster, missing_parts
from ben_assets.demo.processes import wait_until
from ben_assets.demo.tiles import own_tiles
from ben_assets.demo.world import make_world
from ben_assets_tests.workshop import Workshop, tree_of
from resources.postgres_locks import PostgresLocks

pytestmark = [
    pytest.mark.skipif(
        bool(missing_parts()) and os.environ.get("CI") != "true",
        reason=f"missing: {'; '.join(missing_parts())}",
    ),
    pytest.mark.timeout(600),
]

JOB = "tile_from_l2a"
PATIENCE = {
    "lost_after_seconds": 3,
    "poll_interval_seconds": 1,
    "cancel_timeout_seconds": 8,
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Two tiles of four patches, made by this process alone."""
    root = tmp_path_factory.mktemp("cluster")
    world = make_world(root / "world", side_m=2400, tiles=own_tiles(2), l1c=False)
    shop = Workshop(world, root)
    for key in world.tile_keys:
        shop.make_tile(key)
    return shop


@pytest.fixture(scope="module")
def cluster(shop):
    settings = cluster_settings(shop.world, shop.root / "cluster-data")
    with Cluster(shop.root / "servers", settings, PATIENCE) as cluster:
        cluster.start_worker("w1")
        cluster.start_worker("w2")
        yield cluster


@pytest.fixture
def locks(cluster, shop):
    dsn = cluster.environment["BEN_LOCK_DSN"]
    return PostgresLocks(dsn, shop.root / "cluster-data" / ".locks")


def find(cluster, run_id):
    return next(run for run in cluster.client.runs() if run["id"] == run_id)


def wait_for(cluster, run_id, *statuses):
    wait_until(
        lambda: find(cluster, run_id)["status"] in statuses, f"{statuses} of {run_id}"
    )
    return find(cluster, run_id)["status"]


def launch_and_stop_in_the_middle(cluster, tile):
    """A run that waits for our lock on the tile's patches, or for one that does."""
    run_id = cluster.client.launch(JOB, tile)
    waits = re.compile(f"{run_id} .* of {tile} is being made by")
    wait_until(
        lambda: any(waits.search(cluster.log(worker)) for worker in cluster.workers),
        "the run to wait for the lock",
    )
    return run_id


def test_a_terminated_run_ends_within_ten_seconds_and_stays_so(cluster, locks, shop):
    tile = shop.keys[0]
    with locks.hold(f"patches/{tile}", print):
        run_id = launch_and_stop_in_the_middle(cluster, tile)
        asked = time.monotonic()
        cluster.client.terminate(run_id)
        assert wait_for(cluster, run_id, *FINISHED) == "CANCELED"
        assert time.monotonic() - asked < 10
    time.sleep(3)  # longer than the daemon takes to see it
    assert [run["id"] for run in cluster.client.runs()] == [run_id]
    assert not (shop.root / "cluster-data" / "archives").exists()


def test_a_run_whose_worker_is_killed_is_made_by_one_that_comes_late(
    cluster, locks, shop
):
    tile = shop.keys[0]
    with locks.hold(f"patches/{tile}", print):
        run_id = launch_and_stop_in_the_middle(cluster, tile)
        victim = cluster.worker_of(find(cluster, run_id))
        cluster.kill(victim)
        cluster.start_worker("late")
    assert wait_for(cluster, run_id, *FINISHED) == "FAILURE"

    def successors():
        return [
            run
            for run in cluster.client.runs()
            if run["tags"].get("dagster/parent_run_id") == run_id
        ]

    wait_until(lambda: bool(successors()), "the run's successor")
    assert wait_for(cluster, successors()[0]["id"], *FINISHED) == "SUCCESS"


def test_overlapping_runs_outlast_restarts_of_redis_and_postgresql(
    cluster, locks, shop
):
    """Both make the same tile; the second waits for the first at each asset."""
    tile = shop.keys[1]
    with locks.hold(f"patches/{tile}", print):
        first = launch_and_stop_in_the_middle(cluster, tile)
        second = launch_and_stop_in_the_middle(cluster, tile)
        cluster.kill("redis")
        cluster.start_redis()
        cluster.restart_postgres()
    for run_id in (first, second):
        assert wait_for(cluster, run_id, *FINISHED) == "SUCCESS"


def test_two_workers_give_the_bytes_of_one_process(cluster, shop):
    assert tree_of(shop.root / "cluster-data") == shop.tree()
