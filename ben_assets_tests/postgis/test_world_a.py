"""World A in PostGIS: CORINE from there, all cells cross-checked, overlaps found."""

from __future__ import annotations

import hashlib

import pytest

from ben_assets.bigearthnet.checksums import file_digest
from ben_assets.steps.postgis import (
    publish_clc2018,
    publish_countries,
    publish_patches,
    publish_v1_footprints,
)
from ben_assets_tests.support.pipeline import Pipeline
from ben_assets_tests.support.world_a import (
    EXPECTED,
    FIRST,
    SECOND,
    WorldA,
    columns_of,
    expected_columns,
    needs_world_a,
)
from resources.postgis.crosschecks import RULES, cross_check

pytestmark = [needs_world_a, pytest.mark.real_server]


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
    assert columns_of(maps) == expected_columns("reference_maps")
    results = [
        cross_check(database.postgis(), rule, key)
        for rule in RULES
        for key in (FIRST, SECOND)
    ]
    assert {r.outcome for r in results} == {"all 8281 cells agree"}
    pairs = database.query("SELECT patch_1, patch_2 FROM overlapping_patches")
    overlapping = sorted({patch for pair in pairs for patch in pair})
    text = "".join(f"{patch}\n" for patch in overlapping)
    expected = EXPECTED["overlapping_patches"]
    assert len(overlapping) == expected["number"]
    assert hashlib.sha256(text.encode()).hexdigest() == expected["sha256"]
