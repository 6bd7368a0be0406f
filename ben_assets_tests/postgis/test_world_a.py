"""World A in PostGIS: CORINE from there, all cells cross-checked, overlaps found."""

from __future__ import annotations

import csv

import pytest

from ben_assets.bigearthnet.checksums import file_digest
from ben_assets.steps.postgis import (
    publish_clc2018,
    publish_countries,
    publish_patches,
    publish_v1_footprints,
)
from ben_assets_tests.pipeline import Pipeline
from ben_assets_tests.shared import needs_shared
from ben_assets_tests.test_world_a import expected_hashes
from ben_assets_tests.world_a import FIRST, SECOND, WORLD_A, WorldA
from resources.postgis.crosschecks import RULES, cross_check

pytestmark = [needs_shared, pytest.mark.real_server]


def test_maps_are_the_originals_and_every_cross_check_agrees(tmp_path, database):
    pipeline = Pipeline(WorldA(tmp_path), tmp_path)
    pipeline.settings |= {"BEN_POSTGIS_DSN": database.dsn}
    for load in (publish_clc2018, publish_countries, publish_v1_footprints):
        load(pipeline.ctx())
    pipeline.settings["BEN_CLC_PATH"] = "postgis"
    for key in (FIRST, SECOND):
        pipeline.make_tile(key, upto="metadata_tables")
        publish_patches(pipeline.tile(key), pipeline.ctx())
    maps = {
        path.stem: file_digest(path)
        for path in pipeline.data.glob("reference_maps/*/*/*")
    }
    assert len(maps) == 3_327
    assert maps == expected_hashes("reference_maps_hashes.csv")
    results = [
        cross_check(database.postgis(), rule, key)
        for rule in RULES
        for key in (FIRST, SECOND)
    ]
    assert {r.outcome for r in results} == {"all 8281 cells agree"}
    with (WORLD_A / "expected/overlaps.csv").open() as file:
        expected = {row["patch_id"] for row in csv.DictReader(file)}
    pairs = database.query("SELECT patch_1, patch_2 FROM overlapping_patches")
    assert {patch for pair in pairs for patch in pair} == expected
