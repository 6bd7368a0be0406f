"""Artifacts that are whole, but made from something that is no longer there."""

import pytest

from ben_assets_tests.support.facts import facts_of
from ben_assets_tests.support.removal import remove_tile
from resources.data_root.flow import RELEASE
from resources.data_root.staleness import stale_inputs
from resources.data_root.store import Record, Storage

FIRST, SECOND, THIRD = (f"T33U{x}P_20170613T101031" for x in "UVW")
TILE = FIRST


@pytest.fixture
def storage(tmp_path):
    return Storage(tmp_path)


def facts_with(asset, digest):
    table = {"file": "a.parquet", "rows": 1, "bytes": 1, "sha256": digest}
    return facts_of(asset, table=table)


def put(storage, asset, tile=TILE, *, files="1", table=None, made_from=None):
    """A record whose digest depends on ``files``."""
    record = Record(
        asset=asset,
        tile=tile,
        digests={"file": files},
        bytes=0,
        outputs=(),
        made_from=made_from or {},
        facts=facts_of(asset) if table is None else facts_with(asset, table),
    )
    with storage.draft(asset, tile) as draft:
        return draft.publish(record, keep_hash_list=False)


def test_other_files_and_another_table_upstream_are_named(storage):
    upstream = put(storage, "patches", files="1", table="a" * 64)
    made_from = {"patches": upstream.sha256, "patches.parquet": "a" * 64}
    maps = put(storage, "reference_maps", made_from=made_from)
    assert stale_inputs(storage, maps) == []
    put(storage, "patches", files="1", table="b" * 64)
    assert stale_inputs(storage, maps) == [
        "patches.parquet: aaaaaaaaaaaa then, bbbbbbbbbbbb now"
    ]
    other = put(storage, "patches", files="2", table="a" * 64)
    assert stale_inputs(storage, maps) == [
        f"patches: {upstream.sha256[:12]} then, {other.sha256[:12]} now"
    ]


def test_a_record_that_has_no_table_makes_stale_what_was_made_from_one(storage):
    made_from = {"aligned_dataset.parquet": "a" * 12}
    archives = put(storage, "archives", made_from=made_from)
    put(storage, "aligned_dataset")
    assert stale_inputs(storage, archives) == [
        "aligned_dataset.parquet: aaaaaaaaaaaa then, unknown now"
    ]


def test_an_input_that_is_gone_does_not_count(storage):
    maps = put(storage, "reference_maps", made_from={"patches": "1"})
    assert stale_inputs(storage, maps) == []


def test_a_pinned_input_is_asked_for_by_its_file_name(storage):
    table = put(
        storage, "metadata_tables", made_from={"snow.csv": "1", "gone.csv": "1"}
    )
    now = {"snow.csv": "1"}
    assert stale_inputs(storage, table, lambda record, name: now.get(name)) == []
    now = {"snow.csv": "2"}
    assert stale_inputs(storage, table, lambda record, name: now.get(name)) == [
        "snow.csv: 1 then, 2 now"
    ]


def test_a_release_is_stale_where_tiles_came_went_or_changed(storage):
    tiles = {t: put(storage, "aligned_dataset", t).sha256 for t in (FIRST, SECOND)}
    release = put(storage, "release_metadata", RELEASE, made_from=tiles)
    assert stale_inputs(storage, release) == []
    put(storage, "aligned_dataset", THIRD)
    assert stale_inputs(storage, release) == [f"set of tiles: without {THIRD}"]
    remove_tile(storage, "aligned_dataset", THIRD)
    remove_tile(storage, "aligned_dataset", SECOND)
    assert stale_inputs(storage, release) == [f"set of tiles: with the absent {SECOND}"]
    put(storage, "aligned_dataset", SECOND, files="2")
    (found,) = stale_inputs(storage, release)
    assert found.startswith(f"{SECOND}: ")
