"""A publication that is cut off or overtaken at any of its steps."""

import contextlib
import hashlib
import shutil
from pathlib import Path

import pytest

from ben_assets.bigearthnet.errors import LockLost
from ben_assets_tests.support.pipeline import tree_of
from resources.data_root import store as storage_module
from resources.data_root.store import Record, Storage

ASSET, TILE = "tree", "TILE"
STEPS = 14
"""More than the file system calls of one publication."""


class Killed(BaseException):
    """Stands for SIGKILL: nothing is cleared up."""


def make(storage, text, names):
    """Publish folders ``names`` below the shared folder ``tree``, each with a file."""
    with storage.draft(ASSET, TILE) as draft:
        return publish(draft, text, names)


def publish(draft, text, names):
    for name in names:
        folder = draft.path / "tree" / name
        folder.mkdir(parents=True)
        (folder / "file").write_text(text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    outputs = tuple(f"tree/{name}" for name in names)
    return draft.publish(
        Record(
            asset=ASSET,
            tile=TILE,
            digests={f"{n}_file": digest for n in names},
            bytes=len(text),
            outputs=outputs,
        )
    )


def found(root):
    """Path to text of everything below the asset's folder, hidden files included."""
    folder = root / ASSET
    files = {p.relative_to(folder): p for p in folder.rglob("*") if p.is_file()}
    assert not (folder / ".drafts").exists()
    return {str(name): p.read_text() for name, p in files.items()}


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(storage_module, "flush_file_system", lambda path: None)


@pytest.fixture
def expected(tmp_path):
    """What is on disk where nothing went wrong."""
    make(Storage(tmp_path / "expected"), "new", ("b", "c"))
    return found(tmp_path / "expected")


@pytest.fixture
def at_step(monkeypatch):
    """Have something happen before the n-th change to the disk in ``Draft._clear``."""

    def arrange(number, happening):
        count = 0

        def counted(call):
            def wrapper(*arguments, **options):
                nonlocal count
                count += 1
                if count == number:
                    happening()
                return call(*arguments, **options)

            return wrapper

        clear = storage_module.Draft._clear

        def watched(*arguments):
            with monkeypatch.context() as patches:
                for name in ("rename", "mkdir", "unlink"):
                    patches.setattr(Path, name, counted(getattr(Path, name)))
                flush = counted(storage_module.flush_folder)
                patches.setattr(storage_module, "flush_folder", flush)
                clear(*arguments)

        monkeypatch.setattr(storage_module.Draft, "_clear", watched)

    return arrange


@pytest.mark.parametrize("step", range(1, STEPS))
def test_a_writer_that_was_overtaken_changes_nothing(tmp_path, expected, at_step, step):
    """It slept after it had seen that the lock is its own."""
    root = tmp_path / "data"
    slow = Storage(root)
    make(slow, "old", ("a", "b"))

    def overtake():
        (root / ".locks" / ASSET / f"{TILE}.lock").unlink()
        make(Storage(root), "new", ("b", "c"))

    with contextlib.suppress(LockLost), slow.draft(ASSET, TILE) as draft:
        at_step(step, overtake)
        publish(draft, "slow", ("a", "b", "d"))
    assert found(root) == expected


@pytest.mark.parametrize("step", range(1, STEPS))
def test_the_next_writer_clears_what_a_killed_one_left(
    tmp_path, expected, at_step, step, monkeypatch
):
    root = tmp_path / "data"
    storage = Storage(root)
    make(storage, "old", ("a", "b"))

    def kill():
        monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
        raise Killed

    with contextlib.suppress(Killed), storage.draft(ASSET, TILE) as draft:
        at_step(step, kill)
        publish(draft, "cut off", ("a", "b", "d"))
    monkeypatch.undo()
    record = storage.find(ASSET, TILE)
    if record is not None:
        texts = {
            (storage.folder(ASSET) / output / "file").read_text()
            for output in record.outputs
            if output.startswith("tree/")
        }
        assert texts in ({"old"}, {"cut off"})
    make(storage, "new", ("b", "c"))
    assert found(root) == expected


def test_a_writer_whose_lock_was_taken_publishes_nothing(tmp_path):
    with Storage(tmp_path).draft(ASSET, TILE) as draft:
        (tmp_path / ".locks" / ASSET / f"{TILE}.lock").unlink()
        with pytest.raises(LockLost, match="no longer ours"):
            publish(draft, "slow", ("a",))
    assert found(tmp_path) == {}


def test_a_waiting_writer_says_for_whom(tmp_path):
    storage, told = Storage(tmp_path), []
    other = storage._locks.lock(f"{ASSET}/{TILE}")
    assert other.acquire()

    def hear(words):
        told.append(words)
        other.release()

    with storage.lock(ASSET, TILE, hear):
        pass
    assert len(told) == 1
    assert told[0].startswith(f"{ASSET} of {TILE} is being made by process ")


def test_a_tile_without_files_is_its_record(tmp_path):
    storage = Storage(tmp_path)
    with storage.draft(ASSET, TILE) as draft:
        draft.publish(
            Record(asset=ASSET, tile=TILE, digests={}, bytes=0, outputs=()),
            keep_hash_list=False,
        )
    assert list(found(tmp_path)) == [f"{TILE}.json"]


def test_without_room_for_its_folders_a_tile_leaves_the_old_one(tmp_path):
    storage = Storage(tmp_path)
    with storage.draft("tree", TILE) as draft:
        (draft.path / "old").write_text("x")
        draft.publish(
            Record(asset="tree", tile=TILE, digests={}, bytes=1, outputs=("old",))
        )
    (tmp_path / "tree" / "b").write_text("in the way")
    before = tree_of(tmp_path)
    with pytest.raises(OSError, match="b"), storage.draft("tree", TILE) as draft:  # noqa: PT012
        for name in ("a/c/new", "b/d/new"):
            (draft.path / name).parent.mkdir(parents=True)
            (draft.path / name).write_text("y")
        draft.publish(
            Record(
                asset="tree",
                tile=TILE,
                digests={},
                bytes=1,
                outputs=("a/c/new", "b/d/new"),
            )
        )
    assert tree_of(tmp_path) == before
    assert storage.find("tree", TILE) is not None


def test_a_writer_overtaken_after_its_renames_deletes_nothing_of_the_new_owner(
    tmp_path, monkeypatch
):
    """It slept just before it took away what the new tile no longer has."""
    slow = Storage(tmp_path)
    make(slow, "old", ("a", "b"))
    remove_empty, overtaken = storage_module._remove_empty, []

    def overtake(folder, top):
        if not overtaken:
            overtaken.append(folder)
            (tmp_path / ".locks" / ASSET / f"{TILE}.lock").unlink()
            make(Storage(tmp_path), "new", ("a", "b"))
        remove_empty(folder, top)

    monkeypatch.setattr(storage_module, "_remove_empty", overtake)
    with pytest.raises(LockLost, match="taken over"):
        make(slow, "slow", ("a",))
    assert set(found(tmp_path)) == {
        f"{TILE}.json",
        f"{TILE}.hashes.csv",
        "tree/a/file",
        "tree/b/file",
    }
    assert (slow.folder(ASSET) / "tree/b/file").read_text() == "new"


def test_a_process_overtaken_while_it_clears_up_deletes_nothing_of_the_new_owner(
    tmp_path, monkeypatch
):
    slow = Storage(tmp_path)
    make(slow, "killed", ("a",))
    slow.record_path(ASSET, TILE).unlink()
    drafts = slow.folder(ASSET) / ".drafts"
    drafts.mkdir()
    (drafts / f"{TILE}-0.journal").write_text('["tree/a"]')
    take_away, overtaken = storage_module.Draft._take_away, []

    def overtake(draft, outputs, trash):
        if not overtaken:
            overtaken.append(draft)
            (tmp_path / ".locks" / ASSET / f"{TILE}.lock").unlink()
            make(Storage(tmp_path), "new", ("a",))
        take_away(draft, outputs, trash)

    monkeypatch.setattr(storage_module.Draft, "_take_away", overtake)
    with pytest.raises(LockLost, match="taken over"):
        make(slow, "slow", ("a",))
    assert (slow.folder(ASSET) / "tree/a/file").read_text() == "new"
