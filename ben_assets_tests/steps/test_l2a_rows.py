"""Tiles whose row names an L2A product: fetched from the sources, no L1C involved."""

from __future__ import annotations

import dataclasses

import pytest

from ben_assets.bigearthnet.errors import BenError, InvalidInput, MissingInput
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.safe.l2a import read_l2a
from ben_assets.steps.l1c import make_l1c_zip, make_tile_id, make_tile_id_csv
from ben_assets.steps.l2a import make_l2a_tile
from ben_assets.steps.step_context import StepContext
from ben_assets.synthetic.tiles import OWN_TILE
from ben_assets.testing.bucket_server import BucketServer
from ben_assets_tests.support.pipeline import edit_record
from resources.data_root.staleness import stale_inputs
from resources.data_root.tile_files import verify_tile
from resources.settings import Settings

TILE = Tile(OWN_TILE.l2a_name.name, alignment="none")
OTHER = Tile(TILE.name.replace("N9999", "N0500"), alignment="none")


def quiet(line: str) -> None:
    """A log of no interest."""


@pytest.fixture
def ctx(tmp_path, synthetic):
    """A data root and a bucket that has the synthetic data set's L2A products."""
    with BucketServer(synthetic.l2a_dir) as server:
        settings = {
            "BEN_DATA_DIR": str(tmp_path / "data"),
            "BEN_L1C_SOURCES": "gcs",
            **server.environment(),
        }
        yield StepContext.from_settings(Settings(settings), quiet)


def test_a_row_that_names_an_l2a_product_needs_neither_l1c_nor_sen2cor(ctx, synthetic):
    record = make_l2a_tile(TILE, ctx)
    assert record.facts.source == "gcs"
    assert record.facts.product == TILE.name
    assert ctx.storage.require("tile_ids", TILE.key).facts.name == f"{TILE.name}.SAFE"
    name = f"{TILE.name}.SAFE"
    fetched = read_l2a(ctx.storage.folder("l2a_tiles") / name)
    original = read_l2a(synthetic.l2a_dir / name)
    for band, path in original.band_files.items():
        assert fetched.band_files[band].read_bytes() == path.read_bytes(), band


def test_a_sound_product_asks_nobody(ctx, synthetic):
    own = ctx.settings.override({"BEN_L2A_DIR": str(synthetic.l2a_dir)})
    closed = {"BEN_GCS_URL": "http://127.0.0.1:9/bucket", "CDSE_GIVE_UP_SECONDS": "1"}
    offline = ctx.settings.override(closed)
    imported = make_l2a_tile(TILE, StepContext.from_settings(own, quiet))
    assert make_l2a_tile(TILE, StepContext.from_settings(offline, quiet)) == imported


def test_what_tile_ids_says_of_another_product_is_asked_anew(ctx):
    path = ctx.storage.record_path("tile_ids", TILE.key)
    make_tile_id(TILE, ctx)
    edit_record(path, TILE.name, OTHER.name)
    assert make_l2a_tile(TILE, ctx).facts.product == TILE.name
    assert ctx.storage.require("tile_ids", TILE.key).facts.name == f"{TILE.name}.SAFE"


@pytest.mark.parametrize("name", [TILE.name, OTHER.name], ids=["new id", "other row"])
def test_tile_ids_made_again_leaves_nothing_stale(ctx, name):
    """The record goes by the product's new id, by none where that is of another row."""
    record = make_l2a_tile(TILE, ctx)
    digest = ctx.storage.require("tile_ids", TILE.key).sha256
    path = ctx.storage.record_path("tile_ids", TILE.key)
    edit_record(path, f'"sha256": "{digest}"', f'"sha256": "{"0" * 64}"')
    edit_record(path, TILE.name, name)
    assert stale_inputs(ctx.storage, record)
    kept = make_l2a_tile(TILE, ctx)
    assert kept.made_from == ({"tile_ids": "0" * 64} if name == TILE.name else {})
    assert kept == dataclasses.replace(record, made_from=kept.made_from)
    assert not stale_inputs(ctx.storage, kept)
    assert not verify_tile(ctx.storage, "l2a_tiles", TILE.key, deep=True)


def test_a_product_of_the_row_before_is_not_kept(ctx):
    """By a row of another baseline, and by an L1C row for lack of its zip."""
    record = make_l2a_tile(TILE, ctx)
    with pytest.raises(BenError, match=r"N0500"):
        make_l2a_tile(OTHER, ctx)
    l1c = Tile(TILE.name.replace("MSIL2A", "MSIL1C"), alignment="none")
    with pytest.raises(MissingInput, match=r"nor an L1C zip"):
        make_l2a_tile(l1c, ctx)
    assert make_l2a_tile(TILE, ctx) == record


def test_l1c_zips_of_such_a_tile_says_which_job_makes_it(ctx):
    with pytest.raises(
        InvalidInput, match=r"no L1C zip to fetch; run job tile_from_l2a"
    ):
        make_l1c_zip(TILE, ctx)


def test_the_original_s_table_of_ids_lists_l1c_products_alone(ctx):
    make_tile_id(TILE, ctx)
    make_tile_id_csv(ctx)
    path = ctx.storage.folder("tile_id_csv") / "bigearthnet_s2_tile_ids.csv"
    assert path.read_text() == "tile,id\n"


def test_a_product_that_no_source_has_ends_by_name(ctx):
    with pytest.raises(BenError, match=r"N0500"):
        make_l2a_tile(OTHER, ctx)
