from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from rasterio.windows import Window

from ben_assets.bigearthnet.geotiff import DEFLATED, encode
from ben_assets.bigearthnet.geotiff_reading import GeotiffReader
from ben_assets.bigearthnet.legend import CLC2018, LABELS
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.validation import dataset_rules as dataset
from ben_assets.validation import patch_rules as patches
from ben_assets.validation import release_rules as release
from ben_assets.validation.result import RuleResult
from ben_assets_tests.support.pipeline import Pipeline, edit_record, replace_file

GRID = TileGeocoding(epsg=32633, ulx=300000, uly=5400000, side_m=3600)
TILE_ID = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"


def metadata(**columns) -> pd.DataFrame:
    patches_of_tile = [f"{TILE_ID}_{x:02d}_{y:02d}" for x in range(3) for y in range(3)]
    table = pd.DataFrame(
        {
            "patch_id": patches_of_tile,
            "labels": [[LABELS[0]]] * 9,
            "split": ["validation"] * 4 + ["test"] + ["validation"] * 4,
            "s1_name": [f"S1_{i}" for i in range(9)],
            "s2v1_name": [f"S2_{i}" for i in range(9)],
            "kept": True,
        }
    )
    return table.assign(**columns)


def breaks(outcome: RuleResult) -> tuple[str, ...]:
    assert outcome.passed == (not outcome.differing)
    return outcome.differing


def test_splits_follow_the_place_in_the_tile():
    """Three cells of 1200 m: the middle one is test, those around it are validation."""
    assert breaks(dataset.evaluate_splits(metadata(), GRID)) == ()
    wrong = metadata(split="validation")
    assert breaks(dataset.evaluate_splits(wrong, GRID)) == (f"{TILE_ID}_01_01",)


def test_a_patch_in_two_splits_is_found():
    table = pd.concat([metadata(), metadata()[:1]])
    assert breaks(dataset.evaluate_splits(table, GRID)) == (f"{TILE_ID}_00_00",)


@pytest.mark.parametrize(
    "labels",
    [["Urban"], [], ["Pastures", "Arable land"], ["Pastures", "Pastures"]],
    ids=["unknown", "none", "not sorted", "twice"],
)
def test_labels_must_be_of_the_19_once_and_sorted(labels):
    table = metadata()
    assert breaks(dataset.evaluate_labels(table, CLC2018)) == ()
    table.at[3, "labels"] = labels
    assert breaks(dataset.evaluate_labels(table, CLC2018)) == (f"{TILE_ID}_01_00",)


def test_a_patch_without_labels_is_no_offence():
    table = metadata()
    table.at[3, "labels"] = None
    assert breaks(dataset.evaluate_labels(table, CLC2018)) == ()


@pytest.mark.parametrize("column", ["s1_name", "s2v1_name"])
def test_matching_patches_must_differ_and_be_there(column):
    table = metadata()
    table.loc[1, column] = table.loc[0, column]
    found = breaks(dataset.evaluate_matches(table, needs_v1=True))
    assert found == (f"{TILE_ID}_00_00", f"{TILE_ID}_00_01")
    table.loc[1, column] = None
    assert breaks(dataset.evaluate_matches(table, needs_v1=True)) == (
        f"{TILE_ID}_00_01",
    )
    assert breaks(dataset.evaluate_matches(table, needs_v1=False)) == ()


def test_matching_patches_of_what_is_not_kept_do_not_matter():
    table = metadata()
    table.loc[1, "s1_name"] = table.loc[0, "s1_name"]
    table.loc[1, "kept"] = False
    assert breaks(dataset.evaluate_matches(table, needs_v1=True)) == ()


def test_codes_must_be_known_and_fill_each_map():
    codes = pd.DataFrame(
        {"patch_id": ["a", "a", "b"], "clc_code": [111, 999, 211], "pixels": 14400}
    )
    codes.loc[:1, "pixels"] = 7200
    assert breaks(dataset.evaluate_codes(codes, {"a", "b"}, CLC2018)) == ()
    assert breaks(dataset.evaluate_codes(codes, {"a", "b", "c"}, CLC2018)) == ("c",)
    assert breaks(
        dataset.evaluate_codes(codes.assign(clc_code=110), {"a", "b"}, CLC2018)
    ) == ("code 110",)
    for pixels in (7199, 7201):
        codes.loc[0, "pixels"] = pixels
        assert breaks(dataset.evaluate_codes(codes, {"a", "b"}, CLC2018)) == ("a",)


def test_one_zero_pixel_of_a_real_patch_file_is_found(finished):
    tile = finished.tile(finished.keys[0])
    assert patches.no_pixel_is_zero(tile, finished.ctx()).passed
    path = next(finished.storage.folder("patches").glob("*T33UUP*/*/*_B11.tif"))
    content = bytearray(path.read_bytes())
    content[-2:] = b"\0\0"
    replace_file(path, bytes(content))
    found = patches.no_pixel_is_zero(tile, finished.ctx())
    assert (found.passed, found.differing) == (False, (path.stem,))


def test_a_pixel_of_value_256_is_not_zero(finished):
    """Its low byte is."""
    path = next(finished.storage.folder("patches").glob("*T33UUP*/*/*_B01.tif"))
    header = path.read_bytes()[: -20 * 20 * 2]
    replace_file(path, header + np.full((20, 20), 256, "<u2").tobytes())
    assert patches.has_no_zero(str(path), GeotiffReader())


def a_patch_file(tmp_path: Path, **profile: object) -> Path:
    """A file of band B01, of which the profile may make another header."""
    path = tmp_path / "a_B01.tif"
    pixels = np.full((20, 20), 7, np.uint16)
    path.write_bytes(encode(pixels, 32633, (300_000, 5_400_000), 60, dict(profile)))
    return path


@pytest.mark.parametrize("profile", [{}, DEFLATED], ids=["known", "other"])
def test_one_zero_among_files_of_one_layout_is_found(tmp_path, profile):
    path, reader = a_patch_file(tmp_path, **profile), GeotiffReader()
    for _ in range(2):
        assert patches.has_no_zero(str(path), reader)
    with rasterio.open(path, "r+") as raster:
        raster.write(np.zeros((1, 1), np.uint16), 1, window=Window(3, 4, 1, 1))
    assert not patches.has_no_zero(str(path), reader)


@pytest.mark.parametrize("kept", [0, 100, -802, -1], ids=str)
@pytest.mark.parametrize("profile", [{}, DEFLATED], ids=["known", "other"])
def test_a_patch_file_cut_short_is_found(tmp_path, kept, profile):
    path, reader = a_patch_file(tmp_path, **profile), GeotiffReader()
    assert patches.has_no_zero(str(path), reader)
    path.write_bytes(path.read_bytes()[:kept])
    assert not patches.has_no_zero(str(path), reader)


def test_a_file_of_another_size_or_band_or_none_is_no_patch(tmp_path):
    path, reader = a_patch_file(tmp_path), GeotiffReader()
    for name in ("a_B02.tif", "a_B99.tif"):
        other = path.with_name(name)
        other.write_bytes(path.read_bytes())
        assert not patches.has_no_zero(str(other), reader)
    assert patches.has_no_zero(str(path), reader)
    path.unlink()
    os.mkfifo(path)  # to open it would wait for a writer
    assert not patches.has_no_zero(str(path), reader)


def test_a_patch_without_one_of_its_bands_is_found(finished):
    tile = finished.tile(finished.keys[0])
    assert patches.every_patch_has_its_bands(tile, finished.ctx()).passed
    path = next(finished.storage.folder("patches").glob("*T33UUP*/*/*_B8A.tif"))
    path.unlink()
    found = patches.every_patch_has_its_bands(tile, finished.ctx())
    assert found.differing == (path.stem,)


@pytest.mark.parametrize(
    "pattern",
    [
        "BigEarthNet-S2/*/*/*_B05.tif",
        "BigEarthNet-S1/*/*/*_VH.tif",
        "Reference_Maps/*/*/*",
    ],
)
def test_a_file_of_the_data_set_that_is_missing_is_found(finished, pattern):
    tile = finished.tile(finished.keys[0])
    assert dataset.same_patches_everywhere(tile, finished.ctx()).passed
    root = finished.storage.folder("aligned_dataset")
    path = next(p for p in sorted(root.glob(pattern)) if "33UUP" in p.name)
    path.unlink()
    found = dataset.same_patches_everywhere(tile, finished.ctx())
    assert found.differing == (str(path.relative_to(root)),)


def test_archives_of_another_content_are_found(finished):
    """Those of the second tile in the place of the first's, with a record that lies."""
    first, second = (finished.tile(key) for key in finished.keys[:2])
    assert dataset.archives_hold_the_dataset(first, finished.ctx()).passed
    folder = finished.storage.folder("archives")
    path = folder / first.key / "S2.tar.zst"
    other = (folder / second.key / "S2.tar.zst").read_bytes()
    record = finished.storage.record_path("archives", first.key)
    for _ in ("facts", "outputs"):
        edit_record(record, f": {path.stat().st_size}", f": {len(other)}")
    replace_file(path, other)
    found = dataset.archives_hold_the_dataset(first, finished.ctx())
    assert not found.passed
    named = {name.partition("/")[0] for name in found.differing}
    assert named == {"S2: BigEarthNet-S2"}


def test_every_rule_holds_for_a_finished_tile_and_release(finished: Pipeline):
    ctx = finished.ctx()
    for key in finished.keys:
        tile = finished.tile(key)
        for rule in (
            dataset.codes_are_known,
            dataset.labels_are_known,
            dataset.labelled_patches_have_maps,
            dataset.splits_follow_rule,
            dataset.matching_patches_are_unique,
        ):
            outcome = rule(tile, ctx)
            assert outcome.passed, (rule, outcome)
    assert release.names_are_unique(ctx).passed


def test_a_small_release_is_no_failure_but_not_compared(finished):
    ctx = finished.ctx()
    for outcome in (
        release.files_equal_published("release_metadata", ctx),
        release.files_equal_published("release_archives", ctx),
        release.hash_lists_equal_published(ctx),
    ):
        assert outcome.passed
        assert outcome.is_warning
        assert "of 125 published tiles" in outcome.found


def test_a_release_of_all_tiles_is_held_against_the_published_digests(
    finished, monkeypatch
):
    """As if the tiles of the demo were those that were published."""
    ctx = finished.ctx()
    monkeypatch.setattr(release, "_scope", lambda tiles, ctx: None)
    found = release.files_equal_published("release_metadata", ctx)
    assert set(found.differing) == {
        "metadata.parquet",
        "metadata_for_patches_with_snow_cloud_or_shadow.parquet",
    }
    found = release.files_equal_published("release_archives", ctx)
    assert {"BigEarthNet-S1.tar", "BigEarthNet-S2.tar"} < set(found.differing)
    lists = release.hash_lists_equal_published(ctx)
    assert lists.differing == ("patch_hashes.csv", "reference_maps_hashes.csv")


def test_the_hash_list_of_all_tiles_is_that_of_one_sorted_list(finished):
    from ben_assets.bigearthnet.checksums import hash_list_digest

    tiles = finished.storage.tiles("patches")
    merged = {}
    for tile in tiles:
        merged |= finished.digests("patches", tile)
    digest = release.digest_of_all(finished.storage, "patches", tiles)
    assert digest == hash_list_digest(merged)
