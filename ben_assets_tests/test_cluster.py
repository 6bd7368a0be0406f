"""A whole cluster on loopback: PostgreSQL, Redis, daemon, webserver, Celery workers."""

import itertools
import os
import re
import time

import pytest

from ben_assets.synthetic.dataset import make_synthetic_data
from ben_assets.synthetic.tiles import own_tiles
from ben_assets.testing.cluster import FINISHED, cluster_settings
from ben_assets.testing.cluster_servers import Cluster, missing_parts
from ben_assets.testing.processes import wait_until
from ben_assets_tests.support.pipeline import Pipeline, tree_of
from resources.data_root.postgres_locks import PostgresLocks

pytestmark = [
    pytest.mark.real_server,
    pytest.mark.skipif(
        bool(missing_parts()) and os.environ.get("CI") != "true",
        reason=f"missing: {'; '.join(missing_parts())}",
    ),
    pytest.mark.timeout(600),
]

JOB = "tile_from_l2a"
number = itertools.count(1)
PATIENCE = {
    "lost_after_seconds": 10,
    "poll_interval_seconds": 1,
    "cancel_timeout_seconds": 8,
}


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    """Two tiles of four patches, made by this process alone."""
    root = tmp_path_factory.mktemp("cluster")
    synthetic = make_synthetic_data(
        root / "synthetic", side_m=2400, tiles=own_tiles(2), l1c=False
    )
    pipeline = Pipeline(synthetic, root)
    for key in synthetic.tile_keys:
        pipeline.make_tile(key, upto="archives")
    return pipeline


@pytest.fixture(scope="module")
def cluster(pipeline):
    settings = cluster_settings(pipeline.synthetic, pipeline.root / "cluster-data")
    with Cluster(pipeline.root / "servers", settings, PATIENCE) as cluster:
        yield cluster


@pytest.fixture
def workers(cluster):
    """Two of them."""
    for _ in range(2 - len(cluster.workers)):
        cluster.start_worker(f"w{next(number)}")


@pytest.fixture
def locks(cluster, pipeline):
    dsn = cluster.environment["BEN_LOCK_DSN"]
    return PostgresLocks(dsn, pipeline.root / "cluster-data" / ".locks")


def find(cluster, run_id):
    return next(run for run in cluster.client.runs() if run["id"] == run_id)


def outcome(cluster, run_id):
    """A run's final status."""
    wait_until(
        lambda: find(cluster, run_id)["status"] in FINISHED, f"the end of {run_id}"
    )
    return find(cluster, run_id)["status"]


def successors(cluster, run_id):
    return [
        run["id"]
        for run in cluster.client.runs()
        if run["tags"].get("dagster/parent_run_id") == run_id
    ]


def final_outcome(cluster, run_id):
    """That of the run, or of the one that was started because it lost its worker."""
    status = outcome(cluster, run_id)
    if status != "FAILURE":
        return status
    wait_until(lambda: bool(successors(cluster, run_id)), f"a successor of {run_id}")
    (successor,) = successors(cluster, run_id)
    return final_outcome(cluster, successor)


def launch_and_stop_in_the_middle(cluster, tile):
    """A run that waits for our lock on the tile's patches, or for one that does."""
    run_id = cluster.client.launch(JOB, tile)
    waits = re.compile(f"{run_id} .* of {tile} is being made by")
    wait_until(
        lambda: any(waits.search(cluster.log(worker)) for worker in cluster.workers),
        "the run to wait for the lock",
    )
    return run_id


def wrong_files(pipeline):
    """Paths that are not, tile by tile, as one process alone made them."""
    made, expected = tree_of(pipeline.root / "cluster-data"), pipeline.tree()
    return {path for path in made | expected if made.get(path) != expected.get(path)}


def test_a_run_waits_for_a_worker_but_not_when_its_task_is_lost(
    cluster, pipeline, request
):
    """The first test: there is no worker yet, and nothing of a tile to look at."""
    import redis

    for worker in cluster.workers:
        cluster.kill(worker)
    run_id = cluster.client.launch("verify", pipeline.keys[0])
    tasks = redis.from_url(cluster.environment["BEN_BROKER"])
    wait_until(lambda: tasks.llen("dagster") == 1, "the task to be in the queue")
    time.sleep(PATIENCE["lost_after_seconds"] + 5)
    assert find(cluster, run_id)["status"] == "STARTING"
    tasks.delete("dagster")  # as when the worker dies that had reserved it
    assert outcome(cluster, run_id) == "FAILURE"
    request.getfixturevalue("workers")
    assert final_outcome(cluster, run_id) == "SUCCESS"


@pytest.mark.usefixtures("workers")
def test_a_terminated_run_ends_and_is_not_started_again(cluster, locks, pipeline):
    with locks.hold(f"patches/{pipeline.keys[0]}", print):
        run_id = launch_and_stop_in_the_middle(cluster, pipeline.keys[0])
        cluster.client.terminate(run_id)
        assert outcome(cluster, run_id) == "CANCELED"
    time.sleep(3)  # longer than the daemon takes to see it
    assert successors(cluster, run_id) == []
    assert not (pipeline.root / "cluster-data" / "archives").exists()


@pytest.mark.usefixtures("workers")
def test_a_run_whose_worker_is_killed_is_made_by_one_that_comes_late(
    cluster, locks, pipeline
):
    with locks.hold(f"patches/{pipeline.keys[0]}", print):
        run_id = launch_and_stop_in_the_middle(cluster, pipeline.keys[0])
        victim = cluster.worker_of(find(cluster, run_id))
        cluster.kill(victim)
        cluster.start_worker("late")
    assert outcome(cluster, run_id) == "FAILURE"
    assert final_outcome(cluster, run_id) == "SUCCESS"


@pytest.mark.usefixtures("workers")
def test_two_workers_give_the_bytes_of_one_process_while_redis_and_postgresql_restart(
    cluster, locks, pipeline
):
    """Both make the same tile; the second waits for the first at each asset."""
    with locks.hold(f"patches/{pipeline.keys[1]}", print):
        runs = [
            launch_and_stop_in_the_middle(cluster, pipeline.keys[1]) for _ in range(2)
        ]
        cluster.kill("redis")
        cluster.start_redis()
        cluster.restart_postgres()
    assert [final_outcome(cluster, run_id) for run_id in runs] == ["SUCCESS"] * 2
    other = cluster.client.launch(JOB, pipeline.keys[0])
    assert final_outcome(cluster, other) == "SUCCESS"
    assert wrong_files(pipeline) == set()
