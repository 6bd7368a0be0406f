"""What the steps make of the small synthetic data set, as the contract has it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import rasterio
import shapely

from ben_assets.bigearthnet.archive_contents import members
from ben_assets.bigearthnet.bands import BANDS
from ben_assets.bigearthnet.checksums import file_digest, parse_hash_list
from ben_assets.bigearthnet.errors import BenError, InvalidInput, MissingInput
from ben_assets.bigearthnet.legend import CLC2018, CODES
from ben_assets.bigearthnet.product_names import ProductName
from ben_assets.safe.band_rasters import read_band
from ben_assets.safe.l2a import read_l2a
from ben_assets.steps.report import make_release_report
from ben_assets.synthetic.tiles import DEMO_SIDE_M, DEMO_TILES, OWN_TILE
from ben_assets.validation.dataset_rules import archives_hold_the_dataset
from ben_assets.validation.patch_rules import zone_has_v1_footprints
from ben_assets_tests.support.pipeline import (
    STEPS,
    Pipeline,
    edit,
    edit_record,
    link_tree,
    replace_file,
)
from ben_assets_tests.support.removal import remove_tile

SUMMER, SPRING = DEMO_TILES
TILES = (SUMMER, SPRING, OWN_TILE)
OF_FILES = ("patches", "reference_maps", "aligned_dataset")
OTHER_DAY = "S2B_MSIL1C_20180720T101031_N0206_R022_T33UUP_20180720T123113"
OTHER_DAY_KEY = ProductName.parse(OTHER_DAY).tile_key


def table_of(pipeline: Pipeline, asset: str, key: str) -> pd.DataFrame:
    return pq.read_table(pipeline.storage.table_path(asset, key)).to_pandas()


@pytest.mark.parametrize("asset", STEPS)
@pytest.mark.parametrize("tile", TILES, ids=lambda tile: tile.mgrs)
def test_a_record_says_what_is_there(finished, asset, tile):
    folder = finished.storage.folder(asset)
    record = json.loads((folder / f"{tile.key}.json").read_text())
    fields = ("files", "bytes", "sha256", "made_from", "made_with", "outputs")
    assert set(fields) <= set(record)
    assert (record["asset"], record["tile"]) == (asset, tile.key)
    assert all((folder / output).exists() for output in record["outputs"])
    if asset in OF_FILES:
        listed = folder / f"{tile.key}.hashes.csv"
        assert record["sha256"] == file_digest(listed)
        digests = parse_hash_list(listed.read_text())
        assert record["files"] == len(digests)
        files = {path.stem: path for path in folder.rglob("*.tif")}
        assert {name: file_digest(files[name]) for name in digests} == digests
        assert record["bytes"] == sum(files[name].stat().st_size for name in digests)


@pytest.mark.parametrize("asset", OF_FILES)
def test_no_file_is_there_that_no_record_lists(finished, asset):
    folder = finished.storage.folder(asset)
    expected: set[str] = set()
    for tile in TILES:
        expected |= set(finished.digests(asset, tile.key))
    assert {path.stem for path in folder.rglob("*.tif")} == expected


@pytest.mark.parametrize("tile", TILES, ids=lambda tile: tile.mgrs)
def test_a_patch_holds_the_pixels_of_its_square(finished, tile):
    product = read_l2a(finished.synthetic.l2a_dir / f"{tile.l2a_name.name}.SAFE")
    table = table_of(finished, "patches", tile.key).set_index("patch_id")
    folder = finished.storage.folder("patches") / tile.l2a_name.stem
    exported = sorted(path.name for path in folder.iterdir())
    for band in BANDS:
        pixels, n = read_band(product, band), band.patch_pixels
        for patch in exported:
            x, y = table.loc[patch, ["x", "y"]]
            with rasterio.open(folder / patch / f"{patch}_{band.name}.tif") as raster:
                found, place = raster.read(1), raster.transform
            assert (found == pixels[y * n : y * n + n, x * n : x * n + n]).all()
            corner = tile.geocoding(DEMO_SIDE_M).corner(x, y)
            assert (place.c, place.f, place.a) == (*corner, band.gsd_m)


@pytest.mark.parametrize("tile", TILES, ids=lambda tile: tile.mgrs)
def test_the_table_of_cells_is_complete(finished, tile):
    path = finished.storage.table_path("patches", tile.key)
    table = gpd.read_parquet(path)
    grid = tile.geocoding(DEMO_SIDE_M)
    assert list(zip(table["x"], table["y"], strict=True)) == grid.cell_names()
    assert table.crs.to_epsg() == grid.epsg
    squares = [
        shapely.box(x, y - 1200, x + 1200, y)
        for x, y in (grid.corner(*cell) for cell in grid.cell_names())
    ]
    assert all(shapely.equals(table.geometry.to_numpy(), squares))
    exported = table["valid"]
    if tile.alignment == "v1":
        exported &= table["s2v1_name"].notna()
        assert 0 < exported.sum() < table["valid"].sum()
    else:
        assert table["s2v1_name"].isna().all()
    folder = finished.storage.folder("patches") / tile.l2a_name.stem
    assert {p.name for p in folder.iterdir()} == set(table.loc[exported, "patch_id"])


@pytest.mark.parametrize("tile", TILES, ids=lambda tile: tile.mgrs)
def test_labels_follow_from_the_maps(finished, tile):
    pixels: dict[str, dict[int, int]] = {}
    folder = finished.storage.folder("reference_maps") / tile.l2a_name.stem
    for path in folder.glob("*/*_reference_map.tif"):
        with rasterio.open(path) as raster:
            assert (raster.shape, raster.nodata) == ((120, 120), 0)
            codes, counts = np.unique(raster.read(1), return_counts=True)
        patch = path.stem.removesuffix("_reference_map")
        pixels[patch] = dict(zip(codes.tolist(), counts.tolist(), strict=True))
        assert set(pixels[patch]) <= set(CODES)
    stored = table_of(finished, "reference_maps", tile.key)
    assert pixels == {
        patch: dict(zip(rows["clc_code"], rows["pixels"], strict=True))
        for patch, rows in stored.groupby("patch_id")
    }
    table = table_of(finished, "metadata_tables", tile.key).set_index("patch_id")
    found = {p: None if v is None else list(v) for p, v in table["labels"].items()}
    assert found == {
        p: CLC2018.labels_of(pixels[p], 0.25) if p in pixels else None for p in found
    }
    aligned = table["s2v1_name"].notna() | (tile.alignment == "none")
    assert (table["kept"] == (table["labels"].notna() & aligned)).all()
    assert 0 < table["kept"].sum() < table["valid"].sum()


def test_archives_hold_the_data_set(finished):
    root = finished.storage.folder("aligned_dataset")
    for tile in TILES:
        digests = finished.digests("aligned_dataset", tile.key)
        packed = {}
        for name in ("S1", "S2", "Reference_Maps"):
            path = finished.storage.folder("archives") / tile.key / f"{name}.tar.zst"
            packed |= dict(members(path))
        assert {Path(name).stem for name in packed} == set(digests)
        for name, content in packed.items():
            assert (root / name).read_bytes() == content
            assert hashlib.sha256(content).hexdigest() == digests[Path(name).stem]


def test_release_archives_hold_all_tiles_and_sums_that_hold(finished):
    folder = finished.storage.folder("release_archives")
    count = sum(
        finished.storage.require("aligned_dataset", tile.key).files for tile in TILES
    )
    names = ("BigEarthNet-S1", "BigEarthNet-S2", "Reference_Maps")
    packed = [list(members(folder / f"{name}.tar.zst")) for name in names]
    assert sum(map(len, packed)) == count
    parquet = sorted(path.name for path in folder.glob("*.parquet"))
    assert len(parquet) == 3
    listed = sums_of(folder / "SHA256SUMS")
    assert list(listed) == sorted([*parquet, *(f"{n}.tar.zst" for n in names)])
    for program, name in (("sha256sum", "SHA256SUMS"), ("md5sum", "MD5SUMS")):
        subprocess.run([program, "-c", "--quiet", name], cwd=folder, check=True)
        tars = sums_of(folder / f"{name}.tar")
        assert list(tars) == [f"{n}.tar" for n in names]
        for tar, digest in tars.items():
            unpack = f"zstd -dcq {tar}.zst | {program}"
            found = subprocess.check_output(unpack, cwd=folder, shell=True, text=True)
            assert found.split()[0] == digest


def sums_of(path: Path) -> dict[str, str]:
    lines = [line.split("  ") for line in path.read_text().splitlines()]
    return {name: digest for digest, name in lines}


def test_the_parquet_files_make_the_data_set_complete(finished):
    root = finished.storage.folder("aligned_dataset")
    rows = pd.concat(
        pq.read_table(root / name).to_pandas()
        for name in (
            "metadata.parquet",
            "metadata_for_patches_with_snow_cloud_or_shadow.parquet",
            "metadata_own_tiles.parquet",
        )
    )
    folders = {path.name for path in root.glob("BigEarthNet-S2/*/*")}
    assert folders == set(rows["patch_id"])
    assert {path.name for path in root.glob("Reference_Maps/*/*")} == folders
    s1_folders = {path.name for path in root.glob("BigEarthNet-S1/*/*")}
    assert s1_folders == set(rows["s1_name"].dropna())


def test_a_tile_without_alignment_has_a_table_of_its_own(finished):
    own = pq.read_table(
        finished.storage.folder("release_metadata") / "metadata_own_tiles.parquet"
    ).to_pandas()
    assert len(own) > 10
    assert set(own["patch_id"].str[:-6]) == {OWN_TILE.l2a_name.stem}
    assert own["s1_name"].isna().all()
    assert own["s2v1_name"].isna().all()
    for path in finished.storage.folder("release_metadata").glob("*.csv"):
        assert OWN_TILE.l2a_name.stem not in path.read_text()


def test_a_product_that_failed_a_quality_check_gets_patches_and_maps_but_no_labels(
    pipeline,
):
    old = '<quality_check checkType="SENSOR_QUALITY">PASSED<'
    path = pipeline.product(SUMMER.key) / "MTD_MSIL2A.xml"
    edit(path, old, old.replace("PASSED", "FAILED"))
    pipeline.make_tile(SUMMER.key)
    assert pipeline.storage.require("patches", SUMMER.key).files > 100
    assert pipeline.storage.require("reference_maps", SUMMER.key).files > 10
    table = table_of(pipeline, "metadata_tables", SUMMER.key)
    assert table["labels"].isna().all()
    assert not table["kept"].any()
    assert any("SENSOR_QUALITY" in line for line in pipeline.log)


def test_a_tile_without_kept_patches_gives_an_empty_but_valid_release(pipeline):
    path = pipeline.product(SUMMER.key) / "MTD_MSIL2A.xml"
    edit(path, 'checkType="GENERAL_QUALITY">PASSED<', 'checkType="GENERAL_QUALITY">NO<')
    pipeline.make_tile(SUMMER.key)
    pipeline.make_release()
    for path in pipeline.data.glob("*archives/**/*.tar.zst"):
        assert list(members(path)) == []
    folder = pipeline.storage.folder("release_metadata")
    assert pq.read_table(folder / "metadata.parquet").num_rows == 0
    label_rows = (folder / "patch_id_label_mapping.csv").read_text()
    assert label_rows == "patch_id,label\n"
    splits = (folder / "patch_id_split_mapping.csv").read_text().splitlines()
    assert len(splits) == 26


def test_a_zone_without_v1_footprints_aligns_with_nothing(pipeline):
    edit_copy = pipeline.root / "tiles.csv"
    edit_copy.write_text(f"tile\n{OWN_TILE.name}\n")
    pipeline.settings["BEN_TILES_CSV"] = str(edit_copy)
    pipeline.make_tile(OWN_TILE.key)
    assert pipeline.storage.require("patches", OWN_TILE.key).files == 0
    assert any("EPSG:32630 has no v1 footprints" in line for line in pipeline.log)
    tile = pipeline.tile(OWN_TILE.key)
    found = zone_has_v1_footprints(tile, pipeline.ctx())
    assert (found.passed, found.is_warning) == (False, True)


def test_an_l2a_product_that_verifies_is_kept_and_force_redoes_it(finished):
    path = finished.storage.record_path("l2a_tiles", SUMMER.key)
    before = path.stat().st_ino
    del finished.settings["BEN_L2A_DIR"]
    finished.make("l2a_tiles", SUMMER.key)
    assert path.stat().st_ino == before
    assert "verifies: kept" in finished.log[-1]
    finished.settings["BEN_FORCE"] = "1"
    finished.settings["BEN_L2A_DIR"] = str(finished.synthetic.l2a_dir)
    finished.make("l2a_tiles", SUMMER.key)
    assert path.stat().st_ino != before


def test_a_damaged_l2a_product_is_imported_again(finished):
    product = finished.storage.folder("l2a_tiles") / f"{SUMMER.l2a_name.name}.SAFE"
    path = next(product.glob("GRANULE/*/IMG_DATA/R10m/*_B02_10m.jp2"))
    whole = path.read_bytes()
    replace_file(path, whole[:-7])
    before = finished.storage.require("l2a_tiles", SUMMER.key)
    assert finished.make("l2a_tiles", SUMMER.key) == before
    assert path.read_bytes() == whole


def test_a_new_run_gives_the_same_bytes(finished):
    before = finished.tree()
    for asset in list(STEPS)[1:]:
        finished.make(asset, SUMMER.key)
    finished.make_release()
    assert finished.tree() == before


@pytest.mark.parametrize(
    ("place", "asset"),
    [
        ("l2a_tiles/*33UUP*/GRANULE/*/IMG_DATA/R10m/*_B02_10m.jp2", "patches"),
        ("patches/*.parquet", "reference_maps"),
        ("patches/*33UUP/*/*_B02.tif", "aligned_dataset"),
        ("aligned_dataset/BigEarthNet-S1/*/*33UUP*/*_VV.tif", "training_lmdb"),
        ("archives/T33UUP*/S2.tar.zst", "release_archives"),
        ("training_lmdb/*.lmdb/data.mdb", "release_lmdb"),
    ],
)
def test_nothing_waits_for_what_lies_in_place_of_a_file(finished, place, asset):
    for path in finished.data.glob(place):
        path.unlink()
        os.mkfifo(path)
    with pytest.raises(BenError, match="found a FIFO"):
        finished.make(asset, SUMMER.key if asset in STEPS else None)


def test_no_rule_and_no_picture_waits_either(finished):
    for place in ("archives/T33*/S2.tar.zst", "aligned_dataset/*-S2/*/*/*_B02.tif"):
        for path in finished.data.glob(place):
            path.unlink()
            os.mkfifo(path)
    with pytest.raises(BenError, match="found a FIFO"):
        archives_hold_the_dataset(SUMMER, finished.ctx())
    with pytest.raises(BenError, match=r"_B02.tif.*found a FIFO"):
        make_release_report(finished.ctx())


def test_what_is_no_longer_part_of_a_tile_is_removed(finished):
    """A new product has a zero where a kept patch was."""
    kept = table_of(finished, "metadata_tables", SUMMER.key).query("kept").iloc[0]
    gone, s1_name = kept["patch_id"], kept["s1_name"]
    assert gone in str(finished.tree())
    x, y = int(gone[-5:-3]), int(gone[-2:])
    path = next(
        finished.product(SUMMER.key).glob("GRANULE/*/IMG_DATA/R60m/*_B01_60m.jp2")
    )
    with rasterio.open(path) as raster:
        pixels, profile = raster.read(1), raster.profile
    pixels[y * 20 + 7, x * 20 + 9] = 0
    path.unlink()
    options = {"QUALITY": "100", "REVERSIBLE": "YES"}
    with rasterio.open(path, "w", **{**profile, **options}) as raster:
        raster.write(pixels, 1)
    finished.settings["BEN_FORCE"] = "1"
    finished.make_tile(SUMMER.key)
    finished.make_release()
    left = [
        path
        for path in finished.data.rglob("*")
        if gone in path.name or s1_name in path.name
    ]
    assert left == []
    for name in ("patch_id_label_mapping.csv", "patch_id_s2v1_mapping.csv"):
        assert gone not in (finished.data / "release_metadata" / name).read_text()


def test_a_release_without_a_tile_drops_its_table(finished):
    remove_tile(finished.storage, "aligned_dataset", OWN_TILE.key)
    finished.make_release()
    assert list(finished.data.rglob("metadata_own_tiles.parquet")) == []
    assert OWN_TILE.l2a_name.stem not in str(
        [name for name in finished.tree() if name.startswith(("aligned", "release"))]
    )


def test_a_release_of_nothing_is_refused(pipeline):
    for asset in ("release_metadata", "release_archives"):
        with pytest.raises(MissingInput, match=r"no tile has a record in .*mater"):
            pipeline.make(asset)


def test_archives_of_other_tiles_than_the_tables_are_refused(finished):
    remove_tile(finished.storage, "aligned_dataset", SPRING.key)
    with pytest.raises(InvalidInput, match=r"another set of tiles .*3 tiles there, 2"):
        finished.make("release_archives")


def test_a_release_does_not_mix_processors(finished):
    path = finished.storage.record_path("aligned_dataset", SPRING.key)
    processor = finished.storage.require("aligned_dataset", SPRING.key).facts
    made_by = f'"l2a_processor": "{processor.l2a_processor}"'
    edit_record(path, made_by, '"l2a_processor": "dark-object"')
    says = rf"must not mix .* dark-object: {SPRING.key}.* one processor"
    with pytest.raises(InvalidInput, match=says):
        finished.make("release_metadata")


def test_two_tiles_with_the_same_matching_patches_cannot_be_released_together(finished):
    """Another acquisition of the same season over the same ground."""
    original = finished.product(SUMMER.key)
    stem = SUMMER.l2a_name.stem
    other = OTHER_DAY.replace("L1C", "L2A").replace("N0206", "N9999").rpartition("_")[0]
    match = original.with_name(original.name.replace(stem, other))
    link_tree(original, match)
    edit(match / "MTD_MSIL2A.xml", f"<PRODUCT_URI>{stem}", f"<PRODUCT_URI>{other}")
    edit(match / "MTD_MSIL2A.xml", "START_TIME>2018-07-18", "START_TIME>2018-07-20")
    tiles = finished.root / "tiles.csv"
    tiles.write_text(f"{finished.synthetic.tiles_csv.read_text()}{OTHER_DAY},v1\n")
    finished.settings["BEN_TILES_CSV"] = str(tiles)
    finished.make_tile(OTHER_DAY_KEY)
    says = rf"is the .* of {stem}_\d\d_\d\d \(tile {stem}\) and of {other}_\d\d_"
    with pytest.raises(InvalidInput, match=says):
        finished.make("release_metadata")
    remove_tile(finished.storage, "aligned_dataset", OTHER_DAY_KEY)
    finished.make(
        "archives", SUMMER.key
    )  # the matching patches stay for the tile that has them
    finished.make_release()


def test_two_patches_of_a_tile_with_one_matching_patch_are_refused(pipeline):
    pipeline.make_tile(SUMMER.key, upto="metadata_tables")
    kept = table_of(pipeline, "metadata_tables", SUMMER.key).query("kept")
    first, second = kept["s1_name"].iloc[:2]
    path = pipeline.own_inputs("reference") / "s1s2_mapping.csv"
    edit(path, f",{second}", f",{first}")
    pipeline.make("metadata_tables", SUMMER.key)
    with pytest.raises(InvalidInput, match=r"s1_name must .* correct s1s2_mapping"):
        pipeline.make("aligned_dataset", SUMMER.key)


@pytest.mark.parametrize("asset", ["metadata_tables", "aligned_dataset", "archives"])
def test_a_step_refuses_what_was_made_of_other_patches(finished, asset):
    path = finished.own_inputs("reference") / "bigearthnet_v1_spatial_32633.parquet"
    gpd.read_parquet(path).iloc[1::2].to_parquet(path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)
    finished.make("patches", SUMMER.key)
    with pytest.raises(InvalidInput, match=r"was made from .*patches: .* then, "):
        finished.make(asset, SUMMER.key)
    assert finished.make_tile(SUMMER.key)


def test_another_alignment_asks_for_the_patches_again(finished):
    tiles = finished.root / "tiles.csv"
    tiles.write_text(f"tile,alignment\n{SUMMER.name},none\n")
    finished.settings["BEN_TILES_CSV"] = str(tiles)
    says = r"patches of .*\(alignment: v1 then, none now\); materialize patches"
    with pytest.raises(InvalidInput, match=says):
        finished.make("reference_maps", SUMMER.key)
    assert finished.make_tile(SUMMER.key)


def test_a_folder_that_is_no_safe_is_not_taken_for_a_product(pipeline):
    product = pipeline.product(SUMMER.key)
    product.rename(product.with_suffix(""))
    with pytest.raises(MissingInput, match="no L2A product of T33UUP_20180718T10103"):
        pipeline.make("l2a_tiles", SUMMER.key)


def test_links_in_the_users_folders_are_followed(pipeline):
    """A link into the user's folders would break when they are moved."""
    folder = pipeline.own_inputs("S1")
    real = pipeline.root / "real"
    folder.rename(real)
    folder.mkdir()
    for path in real.glob("*/*.tif"):
        (folder / path.parent.name).mkdir(exist_ok=True)
        (folder / path.parent.name / path.name).symlink_to(path)
    pipeline.make_tile(SUMMER.key)
    placed = list(pipeline.data.glob("aligned_dataset/BigEarthNet-S1/*/*/*.tif"))
    assert len(placed) == 32
    assert not any(path.is_symlink() for path in placed)
