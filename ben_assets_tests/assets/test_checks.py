from __future__ import annotations

import sys
from pathlib import Path

import dagster as dg

from ben_assets.assets import RULE_CHECKS
from ben_assets.assets.rule_checks import RuleCheck, metadata_of
from ben_assets.definitions import build_definitions
from ben_assets.validation.expected_hashes import track_tiles
from ben_assets.validation.result import RuleResult
from ben_assets_tests.support.pipeline import edit, replace_file
from ben_assets_tests.support.programs import run_command
from ben_assets_tests.support.removal import remove_tile
from resources.configured import resources_of

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
    for check in RULE_CHECKS:
        found.setdefault(check.asset_name, set()).add(check.name)
    for asset, names in ALWAYS.items():
        assert names <= found[asset], asset


def test_all_of_a_tile_is_evaluated_without_making_any_of_it(finished):
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
    assert said["l1c_zips", "zip_is_tracked"][1:] == (
        "WARN",
        "not on disk: nothing to evaluate",
    )


def test_the_release_is_evaluated_by_a_job_of_its_own(finished):
    job = build_definitions(**resources_of(finished.settings)).resolve_job_def(
        "verify_release"
    )
    with dg.DagsterInstance.ephemeral() as instance:
        assert job.execute_in_process(instance=instance).success
        said = {
            (check.asset_name, check.name): evaluation_of(check, instance)
            for check in RULE_CHECKS
            if not check.has_tiles
        }
    for name in ("names_are_unique", "matches_tracked_hash"):
        assert said["release_metadata", name].passed, name
    small = said["release_archives", "files_equal_published"]
    assert (small.passed, small.severity) == (True, dg.AssetCheckSeverity.WARN)
    assert "of 125 published tiles" in str(small.description)
    assert said["countries", "is_pinned"].severity == dg.AssetCheckSeverity.WARN


def evaluation_of(
    check: RuleCheck, instance: dg.DagsterInstance
) -> dg.AssetCheckEvaluation:
    """The latest evaluation on record."""
    key = dg.AssetCheckKey(check.asset.key, check.name)
    storage = instance.event_log_storage
    (record,) = storage.get_asset_check_execution_history(key, limit=1)
    return record.event.dagster_event.event_specific_data


def test_damaged_files_turn_verify_red_until_the_asset_is_made_again(finished):
    """A flipped bit, a cut file and a missing one, as the bytes on disk are."""
    key = finished.keys[0]
    before = finished.tree()
    tile_id = finished.storage.require("patches", key).facts.tile_id
    folder = finished.storage.folder("patches")
    flipped, cut, missing = sorted(folder.glob(f"{tile_id}/*/*_B02.tif"))[:3]
    content = flipped.read_bytes()
    replace_file(flipped, content[:-1] + bytes([content[-1] ^ 1]))
    replace_file(cut, cut.read_bytes()[:-1])
    missing.unlink()
    run = finished.run_verify(key)
    assert run.code == 1
    for path, says in (
        (flipped, "wrong: expected sha256 "),
        (cut, "wrong: expected "),
        (missing, "missing: expected "),
    ):
        assert f"{path.relative_to(folder)}: {says}" in run.output
    assert f"materialize patches of {key} again" in run.output
    passed, severity, said = finished.evaluations()["patches", "matches_tracked_hash"]
    assert (passed, severity) == (False, "ERROR")
    assert said.startswith("3 files differ: ")
    lost = finished.evaluations()["patches", "every_patch_has_its_bands"]
    assert lost[:2] == (False, "ERROR")
    finished.make("patches", key)
    assert finished.tree() == before
    run = finished.run_verify(key)
    assert run.code == 0, run.output
    assert finished.evaluations()["patches", "matches_tracked_hash"][0]


def test_a_tile_of_which_nothing_is_on_disk_is_no_failure(pipeline):
    """By ``dg launch``, which runs the job as ``dagster job execute`` does."""
    command = [str(Path(sys.executable).with_name("dg")), "launch", "--job", "verify"]
    command += ["--partition", pipeline.keys[0]]
    run = run_command(command, pipeline.environment())
    assert run.code == 0, run.output
    assert {
        said[:2]
        for (asset, _), said in pipeline.evaluations().items()
        if asset in ("patches", "archives", "l1c_zips", "tile_ids", "release_metadata")
    } == {(True, "WARN")}


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
        remove_tile(finished.storage, "archives", key)
    run = finished.run("aligned_dataset,archives", wrong, **settings)
    assert run.code == 1
    said = finished.evaluations()
    assert said["aligned_dataset", "matches_tracked_hash"][:2] == (False, "ERROR")
    assert finished.storage.tiles("archives") == [finished.keys[1]]
    run = finished.run("aligned_dataset,archives", right, **settings)
    assert run.code == 0, run.output
    assert right in finished.storage.tiles("archives")
    assert finished.run_verify(right, **settings).code == 0
    assert finished.run_verify(wrong, **settings).code == 1
    red = {
        name
        for name, (passed, severity, _) in finished.evaluations().items()
        if not passed and severity == "ERROR"
    }
    assert red == {("aligned_dataset", "matches_tracked_hash")}


def test_the_words_of_others_are_shown_escaped():
    """A catalogue may name a checksum as it likes, and a zip its members."""
    words = "a\n\x1b[2Kb\u202e"
    result = RuleResult(
        False, words, words, (words,), details={"one": {words: [words]}, "n": 1}
    )
    shown = r"a\n\x1b[2Kb\u202e"
    assert result.description == shown
    assert metadata_of(result) == {
        "expected": shown,
        "found": shown,
        "differing": [shown],
        "one": {shown: [shown]},
        "n": 1,
    }
