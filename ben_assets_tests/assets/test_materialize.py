"""What users see of an error through Dagster's command line."""

from __future__ import annotations

import base64
import json

from ben_assets.assets.tile_asset import record_metadata
from ben_assets_tests.support.pipeline import leaves_no_trace
from ben_assets_tests.support.programs import run_module


def test_an_unknown_tile_key_is_refused_by_name_before_any_step(pipeline):
    run = pipeline.run("l2a_tiles", "S2A_MSIL1C_NOT_A_TILE")
    assert run.code == 1
    assert "S2A_MSIL1C_NOT_A_TILE" in run.output
    assert not pipeline.data.exists()


def test_a_bad_input_fails_the_step_with_its_class_and_what_to_do(pipeline):
    key = pipeline.keys[0]
    (pipeline.product(key) / "MTD_MSIL2A.xml").unlink()
    with leaves_no_trace(pipeline):
        run = pipeline.run("l2a_tiles,patches", key)
    assert run.code == 1
    assert "[bad input]" in run.output
    assert "MTD_MSIL2A.xml is missing; the product is incomplete" in run.output


def test_a_run_from_a_product_to_the_release_tells_its_progress(pipeline):
    """In one process per run, with nothing but the L2A product on disk."""
    key = pipeline.keys[0]
    select = "l2a_tiles,patches,reference_maps,metadata_tables,aligned_dataset,archives"
    run = pipeline.run(select, key)
    assert run.code == 0, run.output[-3000:]
    assert run.output.count("decoded, ") == 12
    assert "reference maps of " in run.output
    lines = [line for line in run.output.splitlines() if "_B02.tif" in line]
    assert lines == [], "a line per patch is too much"
    run = pipeline.run("release_metadata,release_archives")
    assert run.code == 0, run.output[-3000:]
    assert (pipeline.data / "release_archives/SHA256SUMS").is_file()


def test_a_run_that_is_configured_to_force_makes_a_kept_tile_again(finished):
    """Without it the product on disk, which verifies, is kept."""
    key = finished.keys[0]
    path = finished.storage.record_path("l2a_tiles", key)
    first, before = path.stat().st_ino, finished.tree()
    run = finished.run("l2a_tiles", key)
    assert (run.code, path.stat().st_ino) == (0, first), run.output
    config = {"ops": {"l2a_tiles": {"config": {"force": True}}}}
    words = (*finished.words("l2a_tiles", key), "--config-json", json.dumps(config))
    run = run_module(*words, environment=finished.environment())
    assert run.code == 0, run.output
    assert path.stat().st_ino != first
    assert finished.tree() == before


def test_metadata_show_counts_sizes_digests_and_a_small_table(finished):
    for asset in ("l2a_tiles", "patches", "archives"):
        record = finished.storage.require(asset, finished.keys[0])
        shown = record_metadata(finished.storage, record)
        assert shown["sha256"] == record.sha256
        assert shown["files"] == record.files
        assert shown["bytes"] == record.bytes
        rows = {row.data["what"] for row in shown["made"].records}
        assert {"files", "bytes"} <= rows


def test_pictures_fit_into_the_event_log(finished):
    pictures = [*finished.data.rglob("*.jpg"), *finished.data.rglob("*.png")]
    assert len(pictures) >= 6
    for path in pictures:
        assert len(base64.b64encode(path.read_bytes())) <= 50_000
