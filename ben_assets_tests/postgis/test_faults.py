"""Rows 13 and 16 of the fault list: never half a tile, and a plain re-run repairs."""

from __future__ import annotations

import os
import signal
import time

import pytest

from ben_assets.bigearthnet.errors import (
    AccessRefused,
    LocalResourceError,
    ServiceUnavailable,
)
from ben_assets.steps.postgis import (
    publish_clc2018,
    publish_countries,
    publish_patches,
)
from ben_assets.testing import postgis_server
from ben_assets_tests.postgis.database import Attempt
from ben_assets_tests.support.pipeline import Pipeline

pytestmark = pytest.mark.real_server

CELLS = 25


def publish(publisher: Pipeline, key: str) -> dict[str, int]:
    return publish_patches(publisher.tile(key), publisher.ctx()).rows


def kill_and_restart(server: postgis_server.Server) -> None:
    os.kill(server.postmaster_pid(), signal.SIGKILL)
    for _ in range(50):  # its children hold the memory until they notice
        try:
            server.start()
            return
        except postgis_server.ServerError:
            time.sleep(0.1)
    raise AssertionError("the server did not come back")


def test_a_server_killed_half_way_leaves_the_old_tile_and_a_rerun_repairs(
    publisher, database, server
):
    publish(publisher, publisher.keys[0])
    publish(publisher, publisher.keys[1])
    old = database.everything()
    database.query("UPDATE patches SET country = 'Atlantis'")
    corrupt = database.everything()
    with database.closed_gate() as gate:
        attempt = Attempt(lambda: publish(publisher, publisher.keys[0]))
        gate.wait_for(1)
        kill_and_restart(server)
        with pytest.raises(ServiceUnavailable, match=r"run again") as lost:
            attempt.outcome()
    assert lost.value.is_retryable
    assert database.everything() == corrupt
    publish(publisher, publisher.keys[0])
    publish(publisher, publisher.keys[1])
    assert database.everything() == old


def test_a_lost_connection_leaves_no_tile_and_a_rerun_repairs(publisher, database):
    with database.closed_gate() as gate:
        attempt = Attempt(lambda: publish(publisher, publisher.keys[0]))
        (pid,) = gate.wait_for(1)
        database.query("SELECT pg_terminate_backend(%s)", pid)
        with pytest.raises(ServiceUnavailable, match=r"run again"):
            attempt.outcome()
    assert {table: len(rows) for table, rows in database.everything().items()} == {
        "tiles": 0,
        "patches": 0,
        "labels": 0,
        "pixel_counts": 0,
    }
    assert publish(publisher, publisher.keys[0])["patches"] == CELLS
    assert database.count("patches") == CELLS


def test_others_see_the_old_tile_until_the_new_one_is_whole(publisher, database):
    publish(publisher, publisher.keys[0])
    old = database.everything()
    with database.closed_gate() as gate:
        attempt = Attempt(lambda: publish(publisher, publisher.keys[0]))
        gate.wait_for(1)
        assert database.everything() == old
        gate.open()
        attempt.outcome()
    assert database.everything() == old


def test_two_publications_of_one_tile_at_once_give_one_tile(publisher, database):
    with database.closed_gate() as gate:
        attempts = [
            Attempt(lambda: publish(publisher, publisher.keys[0])) for _ in range(2)
        ]
        gate.wait_for(2)  # one at the gate, one at the tile's own lock
        gate.open()
        first, second = (attempt.outcome() for attempt in attempts)
    assert first == second
    assert database.count("tiles") == 1
    assert database.count("patches") == CELLS
    assert database.count("labels") == first["labels"]


def test_two_tiles_are_published_side_by_side(publisher, database):
    with database.closed_gate() as gate:
        attempts = [
            Attempt(lambda k=k: publish(publisher, k)) for k in publisher.keys[:2]
        ]
        gate.wait_for(2)
        gate.open()
        for attempt in attempts:
            attempt.outcome()
    assert database.count("patches") == 2 * CELLS


def test_a_role_without_rights_publishes_nothing_and_is_told(publisher, database):
    publisher.settings["BEN_POSTGIS_DSN"] = database.as_role(
        "reader", "bigearthnet_reader"
    )
    for refused in (
        lambda: publish(publisher, publisher.keys[0]),
        lambda: publish_clc2018(publisher.ctx()),
        lambda: publish_countries(publisher.ctx()),
    ):
        with pytest.raises(AccessRefused, match="permission denied") as error:
            refused()
        assert "secret-word" not in str(error.value)
        assert not error.value.is_retryable
    assert database.count("tiles") == 0


def test_a_full_disk_of_the_server_is_no_bug_of_ours(publisher, database):
    """A temporary file limit stands in for the disk: the same class of refusal."""

    def sort_much() -> None:
        with database.postgis().transaction() as cursor:
            cursor.execute("SET LOCAL temp_file_limit = 0; SET LOCAL work_mem = '64kB'")
            cursor.execute("SELECT * FROM generate_series(1, 100000) AS n ORDER BY -n")

    with pytest.raises(LocalResourceError, match="lacks disk, memory or connections"):
        sort_much()


@pytest.fixture
def _heeds_ctrl_c():
    """What a shell runs in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_heeds_ctrl_c")
def test_a_loading_that_breaks_off_leaves_the_polygons_of_before(
    publisher, database, monkeypatch
):
    publish_clc2018(publisher.ctx())
    before = database.query("SELECT * FROM clc2018 ORDER BY fid")
    stop = "resources.postgis.inputs._note"
    monkeypatch.setattr(stop, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        publish_clc2018(publisher.ctx())
    assert database.query("SELECT * FROM clc2018 ORDER BY fid") == before
    indexes = database.query(
        "SELECT 1 FROM pg_indexes WHERE indexname = 'clc2018_geom'"
    )
    assert len(indexes) == 1
