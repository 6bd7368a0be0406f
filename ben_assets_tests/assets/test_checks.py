from __future__ import annotations

import shutil

from ben_assets.checks import CHECKS

from ben_assets.validation.recording import track_tiles
from ben_assets_tests.pipeline import edit

ALWAYS = {
    "patches": {
        "every_patch_has_its_bands",
        "no_pixel_is_zero",
        "zone_has_v1_footprints",
    },
    "reference_maps": {"codes_are_known"},
    "metadata_tables": {
        "labels_are_known",
        "labelled_patches_have_maps",
        "splits_follow_rule",
        "matching_patches_are_unique",
    },
    "aligned_dataset": {"same_patches_everywhere"},
    "archives": {"archives_hold_the_dataset"},
    "release_metadata": {
        "files_equal_published",
        "hash_lists_equal_published",
        "names_are_unique",
    },
    "release_archives": {"files_equal_published"},
    "corine_land_cover": {"is_pinned"},
}
"""Asset to checks that it must have."""


def test_every_artifact_has_its_checks():
    found: dict[str, set[str]] = {}
    for check in CHECKS:
        for key in check.check_keys:
            found.setdefault(key.asset_key.path[-1], set()).add(key.name)
    for asset, names in ALWAYS.items():
        assert names <= found[asset], asset


def test_all_of_a_tile_and_of_the_release_is_judged_without_making_any_of_it(finished):
    key = finished.keys[0]
    before = finished.tree()
    files = {p: p.stat().st_mtime_ns for p in finished.data.rglob("*.json")}
    run = finished.run_verify(key)
    assert run.code == 0, run.output
    assert finished.tree() == before
    assert {p: p.stat().st_mtime_ns for p in finished.data.rglob("*.json")} == files
    said = finished.evaluations()
    for asset in ("patches", "metadata_tables", "aligned_dataset", "archives"):
        for name in ALWAYS[asset]:
            assert said[asset, name][:2] == (True, "ERROR"), (asset, name)
    passed, severity, sentence = said["release_archives", "files_equal_published"]
    assert (passed, severity) == (True, "WARN")
    assert "of 125 published tiles" in sentence
    assert said["l1c_zips", "zip_is_tracked"][1:] == (
        "WARN",
        "not on disk: nothing to evaluate",
    )


def test_a_tile_of_which_nothing_is_on_disk_is_no_failure(pipeline):
    run = pipeline.run_verify(pipeline.keys[0])
    assert run.code == 0, run.output
    assert {
        said[:2]
        for (asset, _), said in pipeline.evaluations().items()
        if asset in ("patches", "archives", "l1c_zips", "tile_ids", "release_metadata")
    } == {(True, "WARN")}


def test_the_checks_alone_find_a_damaged_patch(finished):
    key = finished.keys[0]
    tile_id = finished.storage.require("patches", key).facts["tile_id"]
    folder = finished.storage.folder("patches") / tile_id
    shutil.rmtree(next(folder.iterdir()))
    run = finished.run_verify(key)
    said = finished.evaluations()["patches", "every_patch_has_its_bands"]
    assert said[:2] == (False, "ERROR")
    assert run.code == 1


def test_one_wrong_tracked_row_fails_that_tile_and_blocks_what_follows(
    finished, tmp_path
):
    """Of the last tile, where the rows of the other tiles are right."""
    tracked = tmp_path / "tracked"
    track_tiles(finished.storage, tracked)
    wrong, right = finished.keys[-1], finished.keys[0]
    record = finished.storage.require("aligned_dataset", wrong)
    edit(tracked / "hashes" / "aligned_dataset.csv", record.sha256, "0" * 64)
    settings = {"BEN_TRACKED_ARTIFACTS": str(tracked)}
    for key in (wrong, right):
        finished.storage.remove("archives", key)
    run = finished.run("aligned_dataset,archives", wrong, **settings)
    assert run.code == 1
    said = finished.evaluations()
    assert said["aligned_dataset", "matches_tracked_hash"][:2] == (False, "ERROR")
    assert finished.storage.tiles("archives") == [finished.keys[1]]
    run = finished.run("aligned_dataset,archives", right, **settings)
    assert run.code == 0, run.output
    assert right in finished.storage.tiles("archives")
