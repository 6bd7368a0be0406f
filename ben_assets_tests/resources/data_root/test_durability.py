"""In what order data reach the disk, and what a record stands for."""

import dataclasses
import errno
import json
import os

import pytest

from ben_assets.bigearthnet.errors import InvalidInput, LocalResourceError, MissingInput
from ben_assets_tests.support.facts import facts_of
from resources.data_root.files import local_errors, write_atomically
from resources.data_root.store import Record, Storage

ASSET, TILE, OTHER = "tree", "T33UUP_20170613T101031", "T33UVP_20170613T101031"


def make(storage, tile, names):
    """Publish folders ``names`` below ``tree``, which tiles may share."""
    with storage.draft(ASSET, tile) as draft:
        for name in names:
            (draft.path / "tree" / name).mkdir(parents=True)
            (draft.path / "tree" / name / "file").write_text(name)
        outputs = tuple(f"tree/{name}" for name in names)
        record = Record(asset=ASSET, tile=tile, digests={}, bytes=0, outputs=outputs)
        return draft.publish(record, keep_hash_list=False)


def trees(storage):
    return sorted(path.name for path in storage.folder(ASSET).glob("tree/*"))


def test_data_are_on_disk_before_anything_moves_and_the_record_moves_last(
    tmp_path, calls
):
    storage = Storage(tmp_path)
    make(storage, TILE, ("a",))
    del calls[:]
    make(storage, TILE, ("b",))
    folder = storage.folder(ASSET)
    renames = [path for call, path in calls if call == "rename"]
    assert calls[0][0] == "syncfs"
    assert renames[-1] == str(storage.record_path(ASSET, TILE))
    assert calls[-1] == ("fsync", str(folder))
    journal = next(n for n, (_, path) in enumerate(calls) if path.endswith(".journal"))
    drafts = ("fsync", str(folder / ".drafts"))
    moved = calls.index(("rename", str(folder / "tree/b")))
    assert journal < calls.index(drafts, journal) < moved


def test_a_small_file_is_on_disk_before_it_has_its_name(tmp_path, calls):
    write_atomically(tmp_path / "x.json", b"{}")
    (sync, partial), rename, folder = calls
    assert sync == "fsync"
    assert partial.endswith(".part")
    assert rename == ("rename", str(tmp_path / "x.json"))
    assert folder == ("fsync", str(tmp_path))


def test_a_full_disk_is_told_as_such(tmp_path):
    with (
        pytest.raises(LocalResourceError, match=f"cannot use {tmp_path}: .*free space"),
        local_errors(tmp_path),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_what_two_tiles_share_stays_until_both_are_without_it(tmp_path):
    storage = Storage(tmp_path)
    make(storage, TILE, ("own", "shared"))
    make(storage, OTHER, ("other", "shared"))
    make(storage, OTHER, ("other",))
    assert trees(storage) == ["other", "own", "shared"]
    make(storage, TILE, ("own",))
    assert trees(storage) == ["other", "own"]


def test_clearing_up_after_a_killed_run_leaves_what_another_tile_has(tmp_path):
    storage = Storage(tmp_path)
    make(storage, TILE, ("own", "shared"))
    drafts = storage.folder(ASSET) / ".drafts"
    drafts.mkdir()
    left = json.dumps(["tree/shared", "tree/other"])
    (drafts / f"{OTHER}-1234.journal").write_text(left)
    (storage.folder(ASSET) / "tree/other").mkdir()
    with storage.draft(ASSET, OTHER):
        assert trees(storage) == ["own", "shared"]


def test_a_record_of_another_tile_is_not_taken_for_this_one(tmp_path):
    storage = Storage(tmp_path)
    make(storage, TILE, ("own",))
    record = storage.record_path(ASSET, TILE)
    storage.record_path(ASSET, OTHER).write_text(record.read_text())
    with pytest.raises(InvalidInput, match=f"it is of {ASSET} {TILE}"):
        storage.find(ASSET, OTHER)


def test_a_changed_record_breaks_its_seal(tmp_path):
    storage = Storage(tmp_path)
    make(storage, TILE, ("own",))
    path = storage.record_path(ASSET, TILE)
    path.write_text(path.read_text().replace('"bytes": 0', '"bytes": 1'))
    with pytest.raises(InvalidInput, match="changed after it was written"):
        storage.find(ASSET, TILE)


def test_digests_are_those_of_the_hash_list_that_the_record_names(tmp_path):
    storage, digests = Storage(tmp_path), {"a": "0" * 64}
    with storage.draft(ASSET, TILE) as draft:
        draft.publish(
            Record(asset=ASSET, tile=TILE, digests=digests, bytes=0, outputs=())
        )
    record = storage.require(ASSET, TILE)
    assert storage.digests(record) == digests
    path = storage.hash_list_path(ASSET, TILE)
    path.write_text(path.read_text().replace("0", "1"))
    with pytest.raises(InvalidInput, match=r"expected the digest .* by its record"):
        storage.digests(record)
    path.unlink()
    with pytest.raises(MissingInput, match=r"hash list .* is missing; materialize"):
        storage.digests(record)


def test_the_version_of_a_tile_covers_its_files_and_its_table(tmp_path):
    record = make(Storage(tmp_path), TILE, ("own",))
    tables = [
        facts_of(
            "patches", table={"file": "a", "rows": 1, "bytes": 1, "sha256": sha256}
        )
        for sha256 in ("1" * 64, "2" * 64)
    ]
    versions = {dataclasses.replace(record, facts=facts).version for facts in tables}
    others = {dataclasses.replace(record, sha256="3", facts=f).version for f in tables}
    assert len(versions | others | {record.version}) == 5


def test_upstream_tiles_cannot_be_replaced_while_they_are_read(tmp_path):
    storage = Storage(tmp_path)

    def is_free(asset):
        lock = Storage(tmp_path)._locks.lock(f"{asset}/{TILE}")
        taken = lock.acquire()
        lock.release()
        return taken

    with storage.reading(("l2a_tiles", "patches"), TILE):
        assert [is_free(asset) for asset in ("l2a_tiles", "patches", "archives")] == [
            False,
            False,
            True,
        ]
    assert is_free("l2a_tiles")
