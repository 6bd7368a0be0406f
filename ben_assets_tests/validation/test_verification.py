from __future__ import annotations

import contextlib
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.validation.expected_hashes import MEMBERS_FILE, track_tiles
from ben_assets.validation.overview import overview, with_files_checked
from ben_assets.validation.survey import find_differences
from ben_assets_tests.support.facts import facts_of
from ben_assets_tests.support.pipeline import Pipeline, flip, replace_file
from ben_assets_tests.support.removal import remove_tile
from resources.data_root.flow import RELEASE, RELEASE_ASSETS, TILE_ASSETS
from resources.data_root.records import Record
from resources.data_root.store import Storage
from resources.data_root.stored_tiles import Snapshot
from resources.data_root.tile_files import Difference, Kind, still_verifies
from resources.inputs.reference_digests import ReferenceDigests
from resources.settings import Settings

ASSETS = (
    "l2a_tiles",
    "patches",
    "reference_maps",
    "metadata_tables",
    "aligned_dataset",
    "archives",
    "release_metadata",
    "release_archives",
)


def differences(pipeline: Pipeline, *, deep: bool = True, **more) -> list[Difference]:
    return list(find_differences(Snapshot(pipeline.data), deep=deep, **more))


def named(found: list[Difference]) -> set[tuple[str, str, Kind]]:
    return {(one.asset, one.file, one.kind) for one in found}


def files_of(pipeline: Pipeline, asset: str) -> list[Path]:
    """Files that are no record and no hash list, the deepest first."""
    folder = pipeline.storage.folder(asset)
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not path.relative_to(folder).parts[0].startswith(".")
        and not path.name.endswith((".json", ".hashes.csv"))
    ]
    return sorted(found, key=lambda path: -len(path.parts))


@contextlib.contextmanager
def opened_files() -> Iterator[Counter[str]]:
    """How often each file is opened in the block, by this process."""
    found: Counter[str] = Counter()
    is_open = True

    def hook(event: str, given: tuple[object, ...]) -> None:
        if is_open and event == "open":
            found[str(given[0])] += 1

    sys.addaudithook(hook)
    yield found
    is_open = False


def repair(pipeline: Pipeline, found: list[Difference]) -> None:
    """Make again what the differences say, and nothing else; take orphans away."""
    for one in found:
        if not one.rebuilt_by:
            (pipeline.storage.folder(one.asset) / one.file).unlink()
    steps = {(one.tile, one.rebuilt_by) for one in found if one.rebuilt_by}
    flow = (*TILE_ASSETS, *RELEASE_ASSETS)
    for tile, asset in sorted(steps, key=lambda step: flow.index(step[1])):
        pipeline.make(asset, None if tile == RELEASE else tile)


def test_a_finished_release_has_no_difference(finished):
    assert differences(finished) == []
    assert differences(finished, deep=False) == []


@pytest.mark.parametrize("asset", ASSETS)
def test_every_damaged_file_is_named_and_its_asset_repairs_it(finished, asset):
    """A flipped bit, a cut, a removed and an added file at once."""
    before = finished.tree()
    files = files_of(finished, asset)
    flipped, cut, removed = files[0], files[len(files) // 2], files[-1]
    flip(flipped)
    replace_file(cut, cut.read_bytes()[:-1])
    removed.unlink()
    added = flipped.with_name("added.tif")
    added.write_bytes(b"new")
    found = differences(finished)
    folder = finished.storage.folder(asset)
    assert named([one for one in found if one.asset == asset]) == {
        (asset, str(flipped.relative_to(folder)), Kind.WRONG),
        (asset, str(cut.relative_to(folder)), Kind.WRONG),
        (asset, str(removed.relative_to(folder)), Kind.MISSING),
        (asset, str(added.relative_to(folder)), Kind.EXTRA),
    }
    repair(finished, found)
    assert differences(finished) == []
    assert finished.tree() == before


@pytest.mark.parametrize("asset", ASSETS)
def test_a_damaged_record_is_named_and_repaired(finished, asset):
    """A digit of it changes, so it can still be read; or it cannot."""
    before = finished.tree()
    tile = finished.storage.tiles(asset)[0]
    record = finished.storage.record_path(asset, tile)
    text = record.read_text()
    for damaged in (text.replace('"bytes": ', '"bytes": 1', 1), text[:-20], "[]"):
        replace_file(record, damaged.encode())
        found = differences(finished)
        assert (asset, record.name, Kind.WRONG) in named(found)
        assert {(one.tile, one.rebuilt_by) for one in found if one.asset == asset} == {
            (tile, asset)
        }
    repair(finished, found)
    assert differences(finished) == []
    assert finished.tree() == before


@pytest.mark.parametrize("asset", ASSETS)
def test_a_lost_record_is_named_not_the_thousands_of_files_it_vouched_for(
    finished, asset
):
    tile = finished.storage.tiles(asset)[0]
    finished.storage.record_path(asset, tile).unlink()
    found = [d for d in differences(finished) if d.asset == asset]
    assert (asset, f"{tile}.json", Kind.MISSING) in named(found)
    assert len(found) <= 21
    assert {one.rebuilt_by for one in found} == {asset}


def test_a_damaged_hash_list_does_not_put_the_blame_on_files(finished):
    tile = finished.keys[0]
    path = finished.storage.hash_list_path("patches", tile)
    text = path.read_text()
    lines = text.splitlines(keepends=True)
    changed = lines[1][:-2] + ("0" if lines[1][-2] != "0" else "1") + "\n"
    for damaged in (text.replace(lines[1], changed), text[:-100], text[1:], "\xff"):
        replace_file(path, damaged.encode("latin-1"))
        found = differences(finished, tiles=[tile])
        assert named(found) == {("patches", path.name, Kind.WRONG)}
    path.unlink()
    assert named(differences(finished, tiles=[tile])) == {
        ("patches", path.name, Kind.MISSING)
    }


def test_without_its_hash_list_a_damaged_tile_is_still_known_as_such(finished):
    tile = finished.keys[0]
    finished.storage.hash_list_path("patches", tile).unlink()
    flip(next(finished.storage.folder("patches").glob("*T33UUP*/*/*_B02.tif")))
    found = differences(finished)
    assert ("patches", "*.tif", Kind.WRONG) in named(found)


@pytest.mark.parametrize("asset", ["patches", "archives"])
def test_names_and_sizes_alone_find_all_but_changed_bytes(finished, asset):
    """Of files that a hash list names, and of files that the record names itself."""
    first, second = files_of(finished, asset)[:2]
    folder = finished.storage.folder(asset)
    flip(first)
    assert differences(finished, deep=False) == []
    changed = (asset, str(first.relative_to(folder)), Kind.WRONG)
    assert named(differences(finished)) == {changed}
    replace_file(second, second.read_bytes()[:-1])
    found = named(differences(finished, deep=False))
    assert (asset, str(second.relative_to(folder)), Kind.WRONG) in found


def test_a_copy_of_a_file_in_another_folder_is_extra(finished):
    folder = finished.storage.folder("patches")
    first, second = sorted(folder.glob("*/*_0?_00"))[:2]
    source = next(first.glob("*_B03.tif"))
    os.link(source, second / source.name)
    extra = str((second / source.name).relative_to(folder))
    assert named(differences(finished)) == {("patches", extra, Kind.EXTRA)}


def test_a_file_of_no_tile_has_to_be_taken_away_by_its_owner(finished):
    orphan = finished.storage.folder("aligned_dataset") / "BigEarthNet-S2" / "mine.txt"
    orphan.write_text("notes")
    (found,) = differences(finished)
    assert (found.kind, found.tile, found.rebuilt_by) == (Kind.EXTRA, "", "")
    assert found.file == "BigEarthNet-S2/mine.txt"


def test_a_table_that_a_kill_left_half_written_is_named(finished):
    """Nothing else at the top whose name begins with a dot is."""
    folder = finished.storage.folder("aligned_dataset")
    (folder / ".metadata.1a2b3c4d.part").write_bytes(b"half")
    (folder / ".nfs0001").write_bytes(b"")
    (found,) = differences(finished)
    assert (found.file, found.kind) == (".metadata.1a2b3c4d.part", Kind.EXTRA)
    assert found.detail == "belongs to no tile; delete it"


def test_a_stray_json_belongs_to_no_tile_and_the_others_go_on(finished):
    """An editor's notes, or a directory of that name, and damage beside it."""
    first, second = finished.keys[:2]
    for asset in ("metadata_tables", "patches"):
        (finished.storage.folder(asset) / "notes.json").write_text("{}")
    (finished.storage.folder("archives") / "other.json").mkdir()
    (finished.storage.folder("archives") / "other.json" / "a").write_text("a")
    finished.storage.table_path("metadata_tables", second).unlink()
    found = differences(finished)
    assert named(found) == {
        ("metadata_tables", "notes.json", Kind.EXTRA),
        ("patches", "notes.json", Kind.EXTRA),
        ("archives", "other.json/a", Kind.EXTRA),
        ("metadata_tables", f"{second}.parquet", Kind.MISSING),
    }
    orphans = [one for one in found if one.kind is Kind.EXTRA]
    assert {one.detail for one in orphans} == {"belongs to no tile; delete it"}
    assert named(differences(finished, tiles=[first])) == set()


@pytest.mark.parametrize("asset", ["patches", "metadata_tables", "release_metadata"])
def test_a_record_that_is_a_directory_is_named_and_the_others_go_on(finished, asset):
    """Materializing the tile again puts a record in its place."""
    tile = finished.storage.tiles(asset)[0]
    record = finished.storage.record_path(asset, tile)
    record.unlink()
    record.mkdir()
    (record / "inside").write_text("mine")
    archive = finished.storage.folder("archives") / finished.keys[1] / "S2.tar.zst"
    archive.unlink()
    found = differences(finished)
    (wrong,) = [one for one in found if one.file == record.name]
    assert (wrong.asset, wrong.tile, wrong.kind) == (asset, tile, Kind.WRONG)
    assert str(record) in wrong.detail
    assert "expected a file, found a directory" in wrong.detail
    missing = f"{finished.keys[1]}/{archive.name}"
    assert ("archives", missing, Kind.MISSING) in named(found)
    finished.make(asset, None if tile == RELEASE else tile)
    assert record.is_file()


def test_a_file_named_after_a_tile_goes_when_the_tile_is_made_again(finished):
    tile = finished.keys[0]
    orphan = finished.storage.folder("metadata_tables") / f"{tile}.parquet.bak"
    orphan.write_text("old")
    found = differences(finished)
    assert named(found) == {("metadata_tables", orphan.name, Kind.EXTRA)}
    repair(finished, found)
    assert not orphan.exists()
    assert differences(finished) == []


def test_the_tables_at_the_root_of_the_data_set_are_the_releases(finished):
    placed = finished.storage.folder("aligned_dataset") / "metadata.parquet"
    flip(placed)
    (found,) = differences(finished)
    assert (found.asset, found.file) == ("aligned_dataset", "metadata.parquet")
    assert found.rebuilt_by == "release_metadata"
    placed.unlink()
    placed.mkdir()
    (found,) = differences(finished)
    assert "found a directory" in found.detail
    repair(finished, [found])
    assert differences(finished) == []
    placed.unlink()
    (found,) = differences(finished)
    assert found.kind == Kind.MISSING
    os.mkfifo(placed)
    (found,) = differences(finished)
    assert (found.kind, "found a FIFO" in found.detail) == (Kind.WRONG, True)
    repair(finished, [found])
    assert placed.is_file()


def test_what_was_made_from_another_artifact_is_stale_not_wrong(finished):
    """Another country file gives another table of patches, and no other files."""
    tile = finished.keys[1]
    countries = finished.own_inputs("reference") / "ne_110m_admin_0_countries.geojson"
    content = json.loads(countries.read_text())
    shape = content["features"][0]["geometry"]
    content["features"] = [f | {"geometry": shape} for f in content["features"]]
    replace_file(countries, json.dumps(content).encode())
    finished.make("patches", tile)
    found = [one for one in differences(finished) if one.tile == tile]
    assert {(one.asset, one.kind) for one in found} == {
        ("reference_maps", Kind.STALE),
        ("metadata_tables", Kind.STALE),
    }
    assert all("patches.parquet" in one.detail for one in found)


def test_a_changed_input_file_makes_stale_what_was_made_from_it(finished):
    tile = finished.keys[0]
    snow = finished.own_inputs("reference") / "patches_with_seasonal_snow.csv"
    replace_file(snow, snow.read_bytes() + b"another\n")
    digests = ReferenceDigests(Settings(finished.settings))
    found = differences(finished, tiles=[tile], reference_digest=digests.of_record)
    assert {(one.asset, one.kind) for one in found} == {("metadata_tables", Kind.STALE)}
    assert "patches_with_seasonal_snow.csv" in found[0].detail


def test_a_release_is_stale_when_a_tile_came_or_went(finished):
    tile = finished.keys[-1]
    remove_tile(finished.storage, "aligned_dataset", tile)
    found = [one for one in differences(finished) if one.tile == RELEASE]
    stale = {one.asset for one in found if one.kind is Kind.STALE}
    assert stale == {"release_metadata", "release_archives"}
    assert any(tile in one.detail for one in found)


def test_a_record_that_breaks_a_tracked_hash_is_wrong(finished, tmp_path):
    tile = finished.keys[0]
    (tmp_path / "hashes").mkdir()
    (tmp_path / "hashes" / "patches.csv").write_text(
        f"tile,files,bytes,sha256\n{tile},1,2,{'0' * 64}\n"
    )
    (found,) = differences(finished, tracked=tmp_path)
    assert (found.asset, found.tile, found.kind) == ("patches", tile, Kind.WRONG)
    assert "tracked" in found.detail


def test_each_record_and_tracked_file_is_opened_once(finished, tmp_path):
    track_tiles(finished.storage, tmp_path)
    snapshot = Snapshot(finished.data)
    with opened_files() as opened:
        rows = overview(snapshot, tmp_path, finished.keys)
        with_files_checked(snapshot, rows)
        assert list(find_differences(snapshot, deep=True, tracked=tmp_path)) == []
    records = [
        str(snapshot.record_path(asset, tile))
        for asset in (*TILE_ASSETS, *RELEASE_ASSETS)
        for tile in snapshot.tiles(asset)
    ]
    assert len(records) > len(ASSETS)
    assert {opened[path] for path in records} == {1}
    tracked = [str(path) for path in (tmp_path / "hashes").glob("*.csv")]
    of_members = str(tmp_path / "hashes" / MEMBERS_FILE)
    # once by each of the two commands
    assert {opened[path] for path in tracked if path != of_members} == {2}


def test_a_snapshot_shows_what_was_there_and_the_next_one_what_is(finished):
    before = Snapshot(finished.data)
    record = finished.storage.record_path("patches", finished.keys[0])
    before.tiles("patches"), before.find("patches", finished.keys[0])
    text = record.read_bytes()
    replace_file(record, text[:-9])
    assert before.find("patches", finished.keys[0]) is not None
    after = Snapshot(finished.data)
    for _ in range(2):
        with pytest.raises(InvalidInput, match="is damaged"):
            after.find("patches", finished.keys[0])
    record.unlink()
    assert finished.keys[0] in before.tiles("patches")
    assert Snapshot(finished.data).find("patches", finished.keys[0]) is None


def test_only_the_tiles_asked_for_are_looked_at(finished):
    first, second = finished.keys[:2]
    for tile in (first, second):
        flip(finished.storage.table_path("metadata_tables", tile))
    found = differences(finished, tiles=[second])
    assert {one.tile for one in found} == {second}


def publish_zip(storage: Storage, content: bytes) -> Path:
    tile = "T33UUP_20170613T101031"
    with storage.draft("l1c_zips", tile) as draft:
        path = draft.path / f"{tile}.zip"
        path.write_bytes(content)
        record = Record(
            asset="l1c_zips",
            tile=tile,
            digests={tile: "0" * 64},
            bytes=len(content),
            outputs=(path.name,),
            facts=facts_of("l1c_zips"),
        )
        draft.publish(record, keep_hash_list=False)
    return storage.folder("l1c_zips") / f"{tile}.zip"


def test_a_zip_of_one_file_is_kept_as_long_as_it_verifies(tmp_path):
    storage, lines = Storage(tmp_path), []
    path = publish_zip(storage, b"content")
    assert still_verifies(storage, "l1c_zips", path.stem, lines.append)
    assert lines == []
    path.write_bytes(b"contenT")
    assert still_verifies(storage, "l1c_zips", path.stem, lines.append) is None
    assert "expected sha256" in lines[0]
    assert still_verifies(storage, "l1c_zips", "absent", lines.append) is None


def test_a_run_that_ended_while_it_put_a_tile_in_place_is_reported(finished):
    """As a killed run leaves it: the record away, the journal there."""
    tile = finished.keys[0]
    outputs = finished.storage.require("metadata_tables", tile).outputs
    record = finished.storage.record_path("metadata_tables", tile)
    drafts = finished.storage.folder("metadata_tables") / ".drafts"
    drafts.mkdir(exist_ok=True)
    journal = drafts / f"{tile}-0123abcd.journal"
    journal.write_text(json.dumps(outputs))
    record.unlink()
    found = [d for d in differences(finished) if d.asset == "metadata_tables"]
    assert named(found) == {("metadata_tables", record.name, Kind.UNFINISHED)}
    repair(finished, found)
    assert differences(finished) == []


def test_a_record_that_lost_a_folder_does_not_make_strays_of_its_files(finished):
    record = finished.storage.record_path("aligned_dataset", finished.keys[0])
    text = record.read_text()
    output = next(
        o for o in json.loads(text)["outputs"] if o.startswith("BigEarthNet-S1")
    )
    replace_file(record, text.replace(f'"{output}"', '"BigEarthNet-S1/other"').encode())
    found = differences(finished)
    assert {(one.tile, one.rebuilt_by) for one in found} == {
        (finished.keys[0], "aligned_dataset")
    }
    assert ("aligned_dataset", record.name, Kind.WRONG) in named(found)
