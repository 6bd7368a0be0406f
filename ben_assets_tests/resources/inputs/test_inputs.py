from __future__ import annotations

import bz2
import json

import pytest

from ben_assets.bigearthnet.errors import MissingInput
from ben_assets_tests.resources.conftest import require_flushed
from ben_assets_tests.support.pipeline import Pipeline
from ben_assets_tests.support.shared import SHARED, needs_shared
from resources.inputs.pinned import CONSEQUENCES, PinnedInputs, count_rows
from resources.inputs.pins import CORINE, COUNTRIES, S1_MAPPING, SNOW, load_pins
from resources.settings import Settings


def inputs_of(pipeline: Pipeline) -> PinnedInputs:
    return PinnedInputs(Settings(pipeline.settings))


def test_every_pinned_input_has_a_consequence_and_a_pin():
    pins = load_pins()
    assert set(CONSEQUENCES) == set(pins)
    assert all(bool(pin.sha256) != bool(pin.git_blob) for pin in pins.values())


def test_an_input_of_another_digest_is_used_with_its_consequence(pipeline):
    status = inputs_of(pipeline).find(SNOW)
    assert status is not None
    assert not status.is_pinned
    assert "other patches than published may count as snowy" in status.outcome
    assert load_pins()[SNOW].sha256 in status.outcome


def test_what_can_only_be_had_by_hand_says_where_and_is_not_fetched(tmp_path):
    settings = Settings({"BEN_DATA_DIR": str(tmp_path)})
    with pytest.raises(MissingInput, match=r"get it by hand from https://land\.cop"):
        PinnedInputs(settings).require(CORINE, print)


def test_corine_is_looked_for_where_the_setting_says(pipeline, tmp_path):
    elsewhere = tmp_path / "mine.gpkg"
    elsewhere.write_bytes(b"")
    pipeline.settings["BEN_CLC_PATH"] = str(elsewhere)
    assert inputs_of(pipeline).find(CORINE).path == elsewhere
    pipeline.settings["BEN_CLC_PATH"] = "postgis"
    assert inputs_of(pipeline).find(CORINE).path.name == CORINE


def test_a_local_copy_is_copied_not_linked(pipeline, tmp_path, calls):
    pipeline.settings["BEN_REFERENCE_DIR"] = str(tmp_path / "mine")
    inputs = inputs_of(pipeline)
    source = pipeline.synthetic.reference_dir
    status = inputs.import_existing(SNOW, source, print)
    assert status.path.read_bytes() == (source / SNOW).read_bytes()
    assert status.path.stat().st_nlink == 1
    require_flushed(calls, status.path)
    name = "tile_names_and_links.csv.bz2"
    assert inputs.import_existing(name, source, print) is None


def test_rows_are_counted_whatever_the_format(pipeline, tmp_path):
    folder = pipeline.synthetic.reference_dir
    packed = tmp_path / "list.csv.bz2"
    packed.write_bytes(bz2.compress(b"a\nb\n"))
    assert count_rows(packed) == 2
    lines = len((folder / S1_MAPPING).read_text().splitlines())
    assert count_rows(folder / S1_MAPPING) == lines
    features = json.loads((folder / COUNTRIES).read_text())["features"]
    assert count_rows(folder / COUNTRIES) == len(features)
    assert count_rows(folder / CORINE) > 0
    assert count_rows(folder / "bigearthnet_v1_spatial_32633.parquet") > 0


@needs_shared
def test_the_published_inputs_at_hand_are_the_pinned_ones(tmp_path):
    settings = Settings(
        {"BEN_DATA_DIR": str(tmp_path), "BEN_REFERENCE_DIR": str(SHARED / "reference")}
    )
    inputs = PinnedInputs(settings)
    found = {name: inputs.find(name) for name in inputs.pins}
    pinned = {name for name, status in found.items() if status and status.is_pinned}
    absent = {name for name, status in found.items() if status is None}
    assert absent == {CORINE}
    # same content in other bytes: see the README of the reference folder
    stand_ins = {
        "bigearthnet_v1_spatial_32634.parquet",
        "bigearthnet_v1_spatial_32635.parquet",
        S1_MAPPING,
    }
    assert set(inputs.pins) - absent - pinned == stand_ins
