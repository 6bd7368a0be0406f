"""Locks as files: real processes, killed and frozen ones among them."""

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ben_assets.bigearthnet.errors import InvalidInput, LockLost
from ben_assets.testing.processes import wait_until
from resources.data_root.file_locks import FileLocks, locks_of
from resources.data_root.locks import Owner
from resources.settings import REPOSITORY, Settings

NAME = "patches/tile"

HOLD_UNTIL_KILLED = """
import sys, time
from pathlib import Path
from resources.data_root.file_locks import FileLocks
lock = FileLocks(Path(sys.argv[1])).lock(sys.argv[2])
assert lock.acquire()
print("held", flush=True)
time.sleep(60)
"""

COUNT_UP = """
import sys
from pathlib import Path
from resources.data_root.file_locks import FileLocks
locks, counter = FileLocks(Path(sys.argv[1])), Path(sys.argv[2])
locks.poll_seconds = 0.01
for _ in range(int(sys.argv[3])):
    with locks.hold("counter", lambda who: None):
        counter.write_text(str(int(counter.read_text()) + 1))
"""


def start(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def holder(tmp_path):
    process = start(HOLD_UNTIL_KILLED, tmp_path, NAME)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


@pytest.fixture
def locks(tmp_path):
    return FileLocks(tmp_path, beat_seconds=0.01)


def silence(path):
    """Nobody has touched the file for an hour."""
    long_ago = path.stat().st_mtime - 3600
    os.utime(path, (long_ago, long_ago))
    return long_ago


def wait_for_a_beat(path, since):
    wait_until(lambda: path.stat().st_mtime > since + 1, "the owner to touch its file")


def pretend(path, **changes):
    """Change what a lock file says of its owner."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_second_process_is_told_who_has_the_lock(tmp_path, holder):
    lock = FileLocks(tmp_path).lock(NAME)
    assert not lock.acquire()
    assert lock.holder() == f"process {holder.pid} on {os.uname().nodename}"


def test_a_waiting_process_gets_the_lock_when_it_is_given_back(locks):
    locks.poll_seconds = 0.01
    first, told = locks.lock(NAME), []
    assert first.acquire()

    def wait(who):
        told.append(who)
        first.release()

    with locks.hold(NAME, wait) as second:
        second.require()
    assert told == [str(Owner.here())]
    assert locks.lock(NAME).holder() == ""


@pytest.mark.parametrize("reaped", [True, False], ids=["reaped", "zombie"])
def test_a_killed_owner_on_this_host_is_replaced_at_once(tmp_path, holder, reaped):
    holder.kill()
    if reaped:
        holder.wait()
    else:
        os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
    lock = FileLocks(tmp_path).lock(NAME)
    assert lock.acquire()
    lock.release()


@pytest.mark.parametrize("started", ["as it is", "unseen"])
def test_a_living_owner_that_proc_hides_keeps_its_lock_as_long_as_it_beats(
    tmp_path, holder, monkeypatch, started
):
    """As with /proc mounted as hidepid=2: others' processes are not to be seen."""
    if started == "unseen":
        pretend(tmp_path / f"{NAME}.lock", started="")
    monkeypatch.setattr("resources.data_root.locks._stat", lambda pid: [])
    lock = FileLocks(tmp_path).lock(NAME)
    assert not lock.acquire()
    silence(tmp_path / f"{NAME}.lock")
    assert lock.acquire()
    lock.release()


def test_a_dead_owner_is_seen_as_such_where_proc_hides_the_living(
    tmp_path, holder, monkeypatch
):
    holder.kill()
    holder.wait()
    monkeypatch.setattr("resources.data_root.locks._stat", lambda pid: [])
    lock = FileLocks(tmp_path).lock(NAME)
    assert lock.acquire()
    lock.release()


@pytest.mark.parametrize(
    "change", [{"pid": "1"}, {"pid": 10**30}, {"pid": -1}, {"pid": True}, {"host": 3}]
)
def test_a_lock_file_of_any_content_is_at_most_waited_for(tmp_path, holder, change):
    pretend(tmp_path / f"{NAME}.lock", **change)
    lock = FileLocks(tmp_path).lock(NAME)
    assert not lock.acquire()
    silence(tmp_path / f"{NAME}.lock")
    assert lock.acquire()
    lock.release()


def test_a_frozen_owner_on_this_host_keeps_its_lock(tmp_path, locks, holder):
    holder.send_signal(signal.SIGSTOP)
    silence(tmp_path / f"{NAME}.lock")
    assert not locks.lock(NAME).acquire()


def test_a_process_id_that_was_given_again_is_not_the_owner(tmp_path, holder, locks):
    pretend(tmp_path / f"{NAME}.lock", started="1")
    assert locks.lock(NAME).acquire()


def test_the_same_process_id_in_another_container_is_not_the_owner(
    tmp_path, holder, locks
):
    path = tmp_path / f"{NAME}.lock"
    pretend(path, machine="other boot pid:[1]", pid=1, started="1")
    assert not locks.lock(NAME).acquire()


def test_an_owner_on_another_host_is_gone_when_it_was_silent(tmp_path, holder, locks):
    path = tmp_path / f"{NAME}.lock"
    pretend(path, host="far", machine="other")
    lock = locks.lock(NAME)
    assert not lock.acquire()
    assert lock.holder() == f"process {holder.pid} on far"
    silence(path)
    assert lock.acquire()
    lock.require()


def test_an_owner_on_another_host_keeps_its_lock_while_it_beats(
    tmp_path, locks, monkeypatch
):
    """The clocks of hosts have no say: only the file server's has."""
    far = locks.lock(NAME)
    monkeypatch.setattr("resources.data_root.locks._machine", lambda: "other")
    assert far.acquire()
    monkeypatch.setattr("resources.data_root.locks._machine", lambda: "this")
    monkeypatch.setattr(time, "time", lambda: 4e9)
    path = tmp_path / f"{NAME}.lock"
    for _ in range(3):
        wait_for_a_beat(path, silence(path))
        assert not locks.lock(NAME).acquire()
    far.release()


def test_an_owner_that_was_replaced_notices_and_leaves_the_new_lock_alone(
    tmp_path, locks
):
    old = FileLocks(tmp_path, beat_seconds=60).lock(NAME)
    assert old.acquire()
    pretend(tmp_path / f"{NAME}.lock", machine="other")
    old._content = (tmp_path / f"{NAME}.lock").read_bytes()
    silence(tmp_path / f"{NAME}.lock")
    new = locks.lock(NAME)
    assert new.acquire()
    with pytest.raises(LockLost, match=r"patches/tile is no longer ours \(process"):
        old.require()
    old.release()
    new.require()
    new.release()


def test_a_lock_file_that_its_maker_never_wrote_is_cleared(tmp_path, locks):
    path = tmp_path / f"{NAME}.lock"
    path.parent.mkdir()
    path.touch()
    lock = FileLocks(tmp_path).lock(NAME)
    assert not lock.acquire()
    silence(path)
    assert lock.acquire()


def test_a_fifo_in_the_place_of_a_lock_file_is_cleared(tmp_path, locks):
    path = tmp_path / f"{NAME}.lock"
    path.parent.mkdir()
    os.mkfifo(path)
    silence(path)
    assert locks.lock(NAME).acquire()


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to("away")])
def test_what_cannot_be_a_lock_file_is_named(tmp_path, locks, make):
    path = tmp_path / f"{NAME}.lock"
    path.parent.mkdir()
    make(path)
    with pytest.raises(InvalidInput, match=r"at .*tile\.lock, found a directory or a"):
        locks.lock(NAME).acquire()


def test_what_one_left_that_died_while_clearing_goes(tmp_path, locks, holder):
    holder.kill()
    holder.wait()
    (tmp_path / "patches" / ".tile.1234.taken").touch()
    lock = locks.lock(NAME)
    assert lock.acquire()
    assert [path.name for path in (tmp_path / "patches").iterdir()] == ["tile.lock"]


def write_dead(tmp_path):
    """The lock file of an owner on another host that nobody heard of since."""
    path = tmp_path / f"{NAME}.lock"
    path.parent.mkdir()
    path.write_text(json.dumps({"host": "far", "pid": 1, "machine": "", "started": ""}))
    silence(path)
    return path


class Paused(FileLocks):
    """One that others overtake after it saw that the owner is gone."""

    meanwhile = None

    def is_abandoned(self, content, touched):
        is_gone = super().is_abandoned(content, touched)
        self.meanwhile()
        return is_gone


@pytest.fixture
def without_flock(monkeypatch):
    def refuse(handle, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("resources.data_root.file_locks.fcntl.flock", refuse)


@pytest.mark.usefixtures("without_flock")
def test_a_lock_that_was_taken_after_the_look_goes_back_to_its_new_owner(tmp_path):
    path, locks = write_dead(tmp_path), Paused(tmp_path)
    new = FileLocks(tmp_path).lock(NAME)
    locks.meanwhile = new.acquire
    assert not locks.lock(NAME).acquire()
    new.require()
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.usefixtures("without_flock")
def test_an_owner_that_woke_up_after_the_look_keeps_its_lock(tmp_path):
    path, locks = write_dead(tmp_path), Paused(tmp_path)
    content = path.read_bytes()
    locks.meanwhile = lambda: os.utime(path)
    assert not locks.lock(NAME).acquire()
    assert path.read_bytes() == content


def is_guarded(folder):
    """Whether another user of the lock folder would have to wait."""
    with (folder / ".guard").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_nobody_takes_or_gives_back_a_lock_while_another_looks(tmp_path, monkeypatch):
    """From the first look to the last change, however long it pauses between."""
    write_dead(tmp_path)
    locks, seen = Paused(tmp_path), []
    locks.meanwhile = lambda: seen.append(is_guarded(tmp_path))
    for change in ("rename", "unlink"):
        make = getattr(Path, change)

        def watched(path, *arguments, make=make, **options):
            seen.append(is_guarded(tmp_path))
            return make(path, *arguments, **options)

        monkeypatch.setattr(Path, change, watched)
    lock = locks.lock(NAME)
    assert lock.acquire()
    assert not is_guarded(tmp_path)
    lock.release()
    assert seen == [True] * 4  # the look, taken away, removed; given back
    assert not is_guarded(tmp_path)


def test_a_process_that_was_stopped_while_it_looked_keeps_nobody_waiting(
    tmp_path, locks, monkeypatch
):
    monkeypatch.setattr("resources.data_root.file_locks.GUARD_SECONDS", 0.01)
    with (tmp_path / ".guard").open("w") as stopped:
        fcntl.flock(stopped, fcntl.LOCK_EX)
        lock = locks.lock(NAME)
        assert lock.acquire()
        lock.release()
        assert lock.holder() == ""


def test_of_many_that_find_a_dead_owner_one_gets_the_lock(tmp_path, holder):
    """With times as they are: a thread that waits for a core is not yet gone."""
    locks = FileLocks(tmp_path)
    holder.kill()
    holder.wait()
    ready, got = threading.Barrier(16), []

    def contend():
        lock = locks.lock(NAME)
        ready.wait()
        if lock.acquire():
            got.append(lock)

    threads = [threading.Thread(target=contend) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1
    got[0].require()


def test_nothing_is_lost_between_processes_of_which_some_are_killed(tmp_path):
    counter = tmp_path / "counter"
    counter.write_text("0")
    workers = [start(COUNT_UP, tmp_path / "locks", counter, 50) for _ in range(3)]
    for _ in range(3):
        victim = start(HOLD_UNTIL_KILLED, tmp_path / "locks", "counter")
        time.sleep(0.1)
        victim.kill()
        victim.communicate()
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    assert counter.read_text() == "150"
    with FileLocks(tmp_path / "locks").hold("counter", print):
        pass  # a victim may have come last
    assert [path.name for path in (tmp_path / "locks").iterdir()] == [".guard"]


def test_files_are_refused_where_others_keep_the_locks_in_postgresql(tmp_path):
    folder = tmp_path / ".locks"
    folder.mkdir()
    (folder / "postgres.json").write_text('{"id": "1"}')
    locks = locks_of(Settings({"BEN_DATA_DIR": str(tmp_path)}))
    with pytest.raises(InvalidInput, match="BEN_LOCK_DSN is not set"):
        locks.lock(NAME)


def test_a_heartbeat_outlasts_a_moment_without_file_server(
    tmp_path, locks, monkeypatch
):
    touch, away = os.utime, []

    def refuse_twice(*arguments):
        if len(away) < 2:
            away.append(arguments)
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        touch(*arguments)

    lock, path = locks.lock(NAME), tmp_path / f"{NAME}.lock"
    monkeypatch.setattr(os, "utime", refuse_twice)
    assert lock.acquire()
    wait_until(lambda: len(away) == 2, "two beats that fail")
    long_ago = path.stat().st_mtime - 3600
    touch(path, (long_ago, long_ago))
    wait_for_a_beat(path, long_ago)
    lock.release()
