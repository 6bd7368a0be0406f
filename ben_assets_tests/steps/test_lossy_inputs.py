"""Losses that leave files whole: rows out of an index, dark pixels, changed inputs."""

from __future__ import annotations

import bz2
import contextlib
import shutil
import sqlite3

import numpy as np
import pytest
import rasterio

from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.bigearthnet.patching import dark_cells
from ben_assets.bigearthnet.spatial_index import require_complete_index
from ben_assets.synthetic.safe_writer import LOSSLESS_JP2
from ben_assets.synthetic.tiles import DEMO_TILES
from ben_assets.validation.patch_rules import no_patch_is_lost_to_dark_pixels
from ben_assets_tests.support.pipeline import leaves_no_trace
from resources.inputs.reference_digests import ReferenceDigests
from resources.settings import Settings

SUMMER = DEMO_TILES[0]
LAYER = "U2018_CLC2018_V2020_20u1"
INDEX = f"rtree_{LAYER}_Shape"


@pytest.fixture
def corine(pipeline):
    """The GeoPackage of the pipeline, to be damaged."""
    path = pipeline.own_inputs("reference") / f"{LAYER}.gpkg"
    whole = path.with_suffix(".whole")
    shutil.copy(path, whole)
    whole.replace(path)
    pipeline.settings.pop("BEN_CLC_PATH", None)
    return path


def damage(path, statement):
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        assert database.execute(statement).rowcount > 0


@pytest.mark.parametrize(
    "statement",
    [
        f"DELETE FROM {INDEX} WHERE id = 3",
        f"UPDATE {INDEX} SET minx = 1, maxx = 2 WHERE id = 3",
        f"DELETE FROM {INDEX}",
    ],
    ids=["a row is missing", "a row is elsewhere", "all are missing"],
)
def test_an_index_that_lacks_rows_is_not_trusted(pipeline, corine, statement):
    pipeline.make_tile(SUMMER.key, upto="reference_maps")
    damage(corine, statement)
    with (
        leaves_no_trace(pipeline),
        pytest.raises(InvalidInput, match=r"index misses \d+ rows .* with the id \d"),
    ):
        pipeline.make("reference_maps", SUMMER.key)


@pytest.mark.parametrize("side", ["minx = minx +", "maxx = maxx -", "maxy = maxy -"])
def test_a_row_that_leaves_its_box_in_the_index_is_noticed(corine, side):
    require_complete_index(corine, LAYER)
    largest = f"(SELECT id FROM {INDEX} ORDER BY maxx - minx DESC LIMIT 1)"
    damage(corine, f"UPDATE {INDEX} SET {side} 5 WHERE id = {largest}")
    with pytest.raises(InvalidInput, match="index misses 1 rows"):
        require_complete_index(corine, LAYER)


def test_a_layer_without_an_index_is_read_row_by_row(pipeline, corine):
    with_index = pipeline.make_tile(SUMMER.key, upto="reference_maps")
    damage(
        corine,
        f"UPDATE gpkg_extensions SET table_name = 'x' WHERE table_name = '{LAYER}'",
    )
    with contextlib.closing(sqlite3.connect(corine)) as database, database:
        database.execute(f"DROP TABLE {INDEX}")
    assert pipeline.make("reference_maps", SUMMER.key).sha256 == with_index.sha256


def test_a_file_that_is_no_database_is_damaged(tmp_path):
    path = tmp_path / "clc.gpkg"
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(InvalidInput, match="is damaged"):
        require_complete_index(path, LAYER)


def test_the_share_without_a_polygon_is_recorded_and_logged(pipeline):
    facts = pipeline.make_tile(SUMMER.key, upto="reference_maps").facts
    assert 0 < facts.pixels_without_polygon < facts.pixels
    assert any(
        "of the pixels have no land cover (999)" in line for line in pipeline.log
    )


def test_a_patch_that_is_dark_in_some_bands_is_lost_with_a_reason(pipeline):
    product = pipeline.product(SUMMER.key)
    before = pipeline.make_tile(SUMMER.key, upto="patches").facts
    for band in ("B11", "B12"):
        (path,) = product.glob(f"GRANULE/*/IMG_DATA/R20m/*_{band}_20m.jp2")
        with rasterio.open(path) as raster:
            pixels, profile = raster.read(1), raster.profile
        pixels[130:140, 130:140] = 0
        path.unlink()
        with rasterio.open(path, "w", **{**profile, **LOSSLESS_JP2}) as raster:
            raster.write(pixels, 1)
    pipeline.settings["BEN_FORCE"] = "1"
    facts = pipeline.make_tile(SUMMER.key, upto="patches").facts
    assert facts.dark_bands["B12"] == before.dark_bands.get("B12", 0) + 1
    rule = no_patch_is_lost_to_dark_pixels(pipeline.tile(SUMMER.key), pipeline.ctx())
    assert (rule.passed, rule.is_warning) == (False, True)
    assert f"{facts.dark_cells} patches lost; by band: B11: " in rule.found


def test_the_edge_of_the_swath_is_not_dark():
    """Bands end at other places there."""
    zeros = np.zeros((3, 5, 5), np.bool_)
    zeros[:, :, 0] = True
    zeros[1, :, 1] = True
    zeros[2, 2, 4] = True
    assert np.argwhere(dark_cells(zeros)).tolist() == [[2, 4]]


def test_footprints_in_both_places_are_those_that_a_step_reads(tmp_path):
    name = "bigearthnet_v1_spatial_32633.parquet"
    (tmp_path / "ben-v1-metadata").mkdir()
    (tmp_path / name).write_bytes(b"read")
    (tmp_path / "ben-v1-metadata" / name).write_bytes(b"not read")
    digests = digests_of(tmp_path)
    read = digests.find(name)
    (tmp_path / "ben-v1-metadata" / name).unlink()
    assert digests.find(name) == read


def test_a_change_behind_bz2_is_seen(tmp_path):
    packed = tmp_path / "s1s2_mapping.csv.bz2"
    packed.write_bytes(bz2.compress(b"a,b\n"))
    digests = digests_of(tmp_path)
    before = digests.find("s1s2_mapping.csv")
    assert before is not None
    assert digests.find("s1s2_mapping.csv.bz2") == before
    packed.write_bytes(bz2.compress(b"a,c\n"))
    assert digests.find("s1s2_mapping.csv") != before


def digests_of(folder):
    environment = {"BEN_DATA_DIR": str(folder), "BEN_REFERENCE_DIR": str(folder)}
    return ReferenceDigests(Settings(environment))
