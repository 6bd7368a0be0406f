"""Locks in a real PostgreSQL, restarted and all."""

import os
import subprocess
import sys
import threading

import psycopg2
import pytest

from ben_assets.bigearthnet.errors import InvalidInput, LockLost, ServiceUnavailable
from ben_assets.testing import postgis_server
from resources.data_root import postgres_locks
from resources.data_root.file_locks import locks_of
from resources.data_root.locks import Owner
from resources.data_root.postgres_locks import PostgresLocks
from resources.data_root.store import Record, Storage
from resources.settings import REPOSITORY, Settings

pytestmark = pytest.mark.real_server

NAME = "patches/tile"

HOLD_UNTIL_KILLED = """
import sys, time
from pathlib import Path
from resources.data_root.postgres_locks import PostgresLocks
lock = PostgresLocks(sys.argv[1], Path(sys.argv[2])).lock(sys.argv[3])
assert lock.acquire()
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if postgis_server.find_bin_dir() is None and os.environ.get("CI") != "true":
        pytest.skip(f"no PostgreSQL; apt-get install {postgis_server.PACKAGES}")
    folder = tmp_path_factory.mktemp("postgres")
    server = postgis_server.create(folder)
    server.start()
    yield server
    postgis_server.remove(folder)


@pytest.fixture
def dsn(server):
    return server.dsn("postgres")


@pytest.fixture
def locks(dsn, tmp_path):
    locks = PostgresLocks(dsn, tmp_path / ".locks")
    locks.poll_seconds = 0.05
    return locks


def test_a_second_session_is_told_who_has_the_lock(locks):
    first, second = locks.lock(NAME), locks.lock(NAME)
    assert first.acquire()
    assert not second.acquire()
    assert second.holder() == str(Owner.here())
    first.release()
    assert second.acquire()
    second.release()
    assert locks.lock(NAME).holder() == ""


def test_a_killed_owner_is_replaced_at_once(locks, dsn, tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_UNTIL_KILLED, dsn, str(tmp_path / ".locks"), NAME],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "held\n"
    assert not locks.lock(NAME).acquire()
    told = []

    def kill(who):
        told.append(who)
        holder.kill()
        holder.communicate()

    with locks.hold(NAME, kill):
        assert told == [f"process {holder.pid} on {os.uname().nodename}"]


def test_two_data_roots_in_one_database_do_not_meet(locks, dsn, tmp_path):
    other = PostgresLocks(dsn, tmp_path / "other")
    with locks.hold(NAME, print), other.hold(NAME, pytest.fail):
        pass


def test_one_data_root_under_two_paths_is_one(locks, dsn, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / ".locks")
    with locks.hold(NAME, print):
        assert not PostgresLocks(dsn, tmp_path / "link").lock(NAME).acquire()


def test_a_restart_of_the_server_does_not_stop_the_owner(server, locks, tmp_path):
    storage = Storage(tmp_path, locks)
    with storage.draft("tree", "tile") as draft:
        server.stop("immediate")
        server.start()
        draft.publish(
            Record(asset="tree", tile="tile", digests={}, bytes=0, outputs=()),
            keep_hash_list=False,
        )
    assert storage.find("tree", "tile") is not None


def test_who_takes_the_lock_after_a_restart_overtakes_the_owner(
    server, locks, tmp_path
):
    """The owner finds the lock free again, but not its draft."""
    storage = Storage(tmp_path, locks)

    def publish(size):
        with storage.draft("tree", "tile") as draft:
            if size == 2:
                server.stop("immediate")
                server.start()
                publish(1)
            record = Record(
                asset="tree", tile="tile", digests={}, bytes=size, outputs=()
            )
            draft.publish(record, keep_hash_list=False)

    with pytest.raises(LockLost, match="taken over by another process"):
        publish(2)
    assert storage.find("tree", "tile").bytes == 1


def test_an_owner_without_session_is_told_who_has_the_lock_now(server, locks):
    first, second = locks.lock(NAME), locks.lock(NAME)
    assert first.acquire()
    server.stop("immediate")
    server.start()
    assert second.acquire()
    with pytest.raises(LockLost, match=rf"{Owner.here()} has it now"):
        first.require()
    second.release()


def test_a_server_that_is_away_for_a_moment_is_waited_for(server, locks):
    first = locks.lock(NAME)
    assert first.acquire()
    server.stop("fast")
    starter = threading.Timer(1, server.start)
    starter.start()
    try:
        first.require()
    finally:
        starter.join()
    first.release()


def test_a_server_that_stays_away_is_a_failure_that_a_retry_may_cure(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(postgres_locks, "_PATIENCE_SECONDS", 0)
    locks = PostgresLocks("postgresql://me:secret@127.0.0.1:1/none", tmp_path)
    with pytest.raises(ServiceUnavailable, match="BEN_LOCK_DSN") as caught:
        locks.lock(NAME).acquire()
    assert caught.value.is_retryable
    assert "secret" not in str(caught.value)


def test_a_malformed_dsn_is_refused_without_repeating_it(tmp_path):
    settings = Settings(
        {"BEN_DATA_DIR": str(tmp_path), "BEN_LOCK_DSN": "postgresql:me:secret@host"}
    )
    with pytest.raises(InvalidInput, match="is not a connection string") as caught:
        locks_of(settings).lock(NAME).acquire()
    assert "secret" not in str(caught.value)


def test_a_vanished_host_is_noticed_within_a_minute(locks, dsn):
    with locks.hold(NAME, print) as lock:
        cursor = lock._session.cursor()
        shown = []
        for name in ("idle", "interval", "count"):
            cursor.execute(f"show tcp_keepalives_{name}")
            shown.append(cursor.fetchone()[0])
    assert shown == ["30", "10", "3"]


def test_sessions_end_with_their_locks(locks, dsn):
    for _ in range(3):
        with locks.hold(NAME, print):
            pass
    count = "select count(*) from pg_stat_activity where application_name ~ '^process'"
    left, session = None, psycopg2.connect(dsn)
    session.autocommit = True
    while left != (0,):
        with session.cursor() as cursor:
            cursor.execute(count)
            left = cursor.fetchone()
    session.close()
