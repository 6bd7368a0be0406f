from __future__ import annotations

from dataclasses import replace

import pytest

from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.validation.expected_hashes import (
    MEMBERS_FILE,
    TRACKED_ASSETS,
    compare,
    read_tracked,
    track_tiles,
)
from ben_assets.validation.overview import State, overview, with_files_checked
from ben_assets_tests.support.facts import facts_of
from ben_assets_tests.support.pipeline import edit, edit_record
from ben_assets_tests.support.removal import remove_tile
from resources.data_root.facts import ListFacts
from resources.data_root.flow import RELEASE, RELEASE_ASSETS
from resources.data_root.records import FileDigest, Record
from resources.data_root.store import Storage
from resources.data_root.stored_tiles import Snapshot


def test_what_was_tracked_is_what_the_records_say(finished, tmp_path):
    changes = track_tiles(finished.storage, tmp_path / "tracked")
    on_disk = {a for a in TRACKED_ASSETS if finished.storage.tiles(a)}
    assert len(on_disk) >= 8
    assert {change.path.stem for change in changes} == on_disk
    for change in changes:
        asset = change.path.stem
        tiles = [RELEASE] if asset in RELEASE_ASSETS else finished.keys
        assert change.added == len(tiles)
        for key in tiles:
            record = finished.storage.require(asset, key)
            result = compare(record, tmp_path / "tracked")
            assert not result.is_warning
            assert result.passed


def test_tracking_again_changes_no_byte_and_one_tile_only_its_row(finished, tmp_path):
    track_tiles(finished.storage, tmp_path)
    path = tmp_path / "hashes" / "patches.csv"
    before = path.read_bytes()
    (first, *_) = track_tiles(finished.storage, tmp_path)
    assert (first.added, first.changed, first.kept) == (0, 0, len(finished.keys))
    assert path.read_bytes() == before
    lines = before.decode().splitlines()
    assert lines[0] == "tile,files,bytes,sha256"
    assert lines[1:] == sorted(lines[1:])
    tile = finished.keys[0]
    path.write_text(
        f"tile,files,bytes,sha256\n{tile},1,1,{'0' * 64}\nunrelated,1,1,{'1' * 64}\n"
    )
    changes = track_tiles(finished.storage, tmp_path, [tile])
    change = next(one for one in changes if one.path == path)
    assert (change.added, change.changed, change.kept) == (0, 1, 1)
    rows = read_tracked(tmp_path, "patches")
    assert set(rows) == {tile, "unrelated"}
    assert rows[tile]["sha256"] == finished.storage.require("patches", tile).sha256


def test_the_overview_goes_by_records_and_looks_at_files_if_asked(finished, tmp_path):
    tile = finished.keys[0]
    next(finished.storage.folder("patches").glob("*T33UUP*/*/*_B02.tif")).unlink()
    rows = overview(Snapshot(finished.data), tmp_path, [tile])
    assert rows[0].artifacts["patches"].state is State.DONE
    artifact = with_files_checked(Snapshot(finished.data), rows)[0].artifacts["patches"]
    assert artifact.state is State.WRONG
    assert "_B02.tif: missing" in artifact.why


def test_a_damaged_record_is_not_tracked(finished, tmp_path):
    record = finished.storage.record_path("patches", finished.keys[0])
    edit(record, '"bytes": ', '"bytes": 1')
    with pytest.raises(InvalidInput, match="changed after it was written"):
        track_tiles(finished.storage, tmp_path)


def test_the_files_inside_a_zip_are_tracked_with_it(tmp_path):
    storage = Storage(tmp_path / "data")
    first, second = "T33UUP_20170613T101031", "T33UVP_20170613T101031"
    for tile, digest in ((second, "2" * 64), (first, "1" * 64)):
        facts = facts_of(
            "l1c_zips",
            members={"MTD.xml": {"sha256": digest, "size": 1}},
            packed_here=False,
        )
        record = Record(
            asset="l1c_zips",
            tile=tile,
            digests={tile: digest},
            bytes=1,
            outputs=(),
            facts=facts,
        )
        with storage.draft("l1c_zips", tile) as draft:
            draft.publish(record, keep_hash_list=False)
        track_tiles(storage, tmp_path, [tile])
    assert (tmp_path / "hashes" / MEMBERS_FILE).read_text().splitlines() == [
        "tile,name,sha256",
        f"{first},MTD.xml,{'1' * 64}",
        f"{second},MTD.xml,{'2' * 64}",
    ]


@pytest.mark.parametrize(("left_out", "n_files"), [(0, 1), (1, 0)])
def test_a_table_that_leaves_zips_out_is_not_tracked(tmp_path, left_out, n_files):
    storage = Storage(tmp_path / "data")
    facts = ListFacts(rows=1, left_out=left_out)
    with storage.draft("l1c_hash_csv", RELEASE) as draft:
        record = Record(
            asset="l1c_hash_csv",
            tile=RELEASE,
            digests={"a": "1" * 64},
            bytes=1,
            outputs=(),
            facts=facts,
        )
        draft.publish(record, keep_hash_list=False)
    assert len(track_tiles(storage, tmp_path)) == n_files


def states(finished, tracked, tile):
    rows = overview(Snapshot(finished.data), tracked, finished.keys)
    row = next(row for row in rows if row.tile == tile)
    return {asset: artifact.state for asset, artifact in row.artifacts.items()}


def test_the_overview_tells_done_absent_stale_and_wrong_apart(finished, tmp_path):
    first, second, third = finished.keys
    assert set(states(finished, tmp_path, first).values()) == {State.DONE, State.ABSENT}
    remove_tile(finished.storage, "archives", first)
    assert states(finished, tmp_path, first)["archives"] is State.ABSENT
    record = finished.storage.record_path("aligned_dataset", second)
    edit_record(record, '"patches": "', '"patches": "0')
    assert states(finished, tmp_path, second)["aligned_dataset"] is State.STALE
    finished.storage.table_path("metadata_tables", third).unlink()
    assert states(finished, tmp_path, third)["metadata_tables"] is State.WRONG
    finished.storage.record_path("patches", third).unlink()
    finished.storage.record_path("patches", third).write_text("{")
    assert states(finished, tmp_path, third)["patches"] is State.WRONG
    track_tiles(finished.storage, tmp_path, [first])
    path = tmp_path / "hashes" / "l2a_tiles.csv"
    edit(path, f"{first},", f"{first},9")
    assert states(finished, tmp_path, first)["l2a_tiles"] is State.WRONG


def test_the_overview_shows_tiles_of_no_list_and_the_release(finished, tmp_path):
    rows = overview(Snapshot(finished.data), tmp_path, finished.keys[:1])
    assert {row.tile for row in rows[:-1]} == set(finished.keys)
    release = rows[-1]
    assert release.artifacts["release_metadata"].state is State.DONE
    assert release.artifacts["tile_id_csv"].state is State.ABSENT
    assert release.bytes > 0


@pytest.mark.parametrize(
    ("asset", "file"),
    [
        ("archives", "S2.tar.zst"),
        ("release_archives", "BigEarthNet-S2.tar.zst"),
        ("release_archives", "MD5SUMS"),
        ("release_metadata", "metadata.parquet"),
    ],
)
def test_a_row_of_archives_or_release_depends_on_every_file_on_disk(
    finished, tmp_path, asset, file
):
    """Not only on the tars inside, which another compression leaves as they are."""
    tile = RELEASE if asset in RELEASE_ASSETS else finished.keys[0]
    track_tiles(finished.storage, tmp_path, [tile])
    record = finished.storage.require(asset, tile)
    assert compare(record, tmp_path).passed
    (path,) = [path for path in record.contents if path.endswith(f"{file}")]
    other = {**record.contents, path: FileDigest(record.contents[path].bytes, "0" * 64)}
    result = compare(replace(record, contents=other), tmp_path)
    assert result.description == "differs from the tracked hash in sha256"
