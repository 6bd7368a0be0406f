"""Tiles whose row names an L2A product: fetched from the sources, no L1C involved."""

from __future__ import annotations

import pytest

from ben_assets.bigearthnet.errors import BenError, InvalidInput
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.safe.l2a import read_l2a
from ben_assets.steps.l1c import make_l1c_zip, make_tile_id, make_tile_id_csv
from ben_assets.steps.l2a import make_l2a_tile
from ben_assets.steps.step_context import StepContext
from ben_assets.synthetic.tiles import OWN_TILE
from ben_assets.testing.bucket_server import BucketServer
from resources.settings import Settings

TILE = Tile(OWN_TILE.l2a_name.name, alignment="none")


@pytest.fixture
def ctx(tmp_path, synthetic):
    """A data root and a bucket that has the synthetic data set's L2A products."""
    with BucketServer(synthetic.l2a_dir) as server:
        settings = {
            "BEN_DATA_DIR": str(tmp_path / "data"),
            "BEN_L1C_SOURCES": "gcs",
            **server.environment(),
        }
        yield StepContext.from_settings(Settings(settings), lambda line: None)


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
    other = Tile(TILE.name.replace("N9999", "N0500"), alignment="none")
    with pytest.raises(BenError, match=r"N0500"):
        make_l2a_tile(other, ctx)
