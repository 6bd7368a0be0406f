"""The facts of a record: as written, or the record is damaged."""

import json

import pytest

from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets_tests.support.facts import facts_of
from ben_assets_tests.support.pipeline import edit_record
from resources.data_root.facts import OF_ASSET, PatchFacts, ZipFacts
from resources.data_root.flow import RELEASE, RELEASE_ASSETS
from resources.data_root.store import Record, Storage

TILE = "T33UUP_20170613T101031"


@pytest.fixture
def storage(tmp_path):
    return Storage(tmp_path)


def put(storage, asset, tile=TILE):
    with storage.draft(asset, tile) as draft:
        record = Record(
            asset=asset,
            tile=tile,
            digests={"file": "1"},
            bytes=0,
            outputs=(),
            facts=facts_of(asset),
        )
        return draft.publish(record, keep_hash_list=False)


@pytest.mark.parametrize("asset", OF_ASSET)
def test_facts_are_read_as_they_were_written(storage, asset):
    tile = RELEASE if asset in RELEASE_ASSETS else TILE
    assert put(storage, asset, tile).facts == facts_of(asset)
    stored = json.loads(storage.record_path(asset, tile).read_text())
    assert facts_of(asset).as_stored().items() <= stored.items()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"cells": 1', '"cells": "1"', "cells: Input should be a valid integer"),
        ('"cells": 1', '"cells": -1', "cells: Input should be greater than"),
        ('"cells": 1', f'"cells": {2**63}', "cells: Input should be less than"),
        ('"cells": 1,', "", "cells: Field required"),
        ('"cells": 1', '"cells": 1, "cell": 1', "cell: Extra inputs"),
        ('"tile_id": "a"', '"tile_id": "../a"', "tile_id: .*leads out of the asset"),
        ('"start_time": "2', '"start_time": "x2', "start_time: .*isoformat"),
        ('+00:00"', '"', "start_time: .*not a time in UTC"),
        ('"start_time": "2017', '"start_time": "0017', "start_time: .*not a time in"),
        ('"season": "a"', '"season": "\\\\ud800"', "has half of a character"),
        ('"epsg": 32633', '"epsg": 32661', "epsg: .*not the EPSG code of a UTM zone"),
        ('"alignment": "v1"', '"alignment": "v2"', "alignment: Input should be 'v1'"),
        ('"rows": 1', '"rows": 1, "columns": 2', "table.columns: Unexpected"),
    ],
    ids=[
        "type",
        "range",
        "larger than a file",
        "missing",
        "unknown",
        "path",
        "time",
        "no time zone",
        "antiquity",
        "surrogate",
        "zone",
        "choice",
        "nested",
    ],
)
def test_facts_that_no_step_writes_are_damage(storage, old, new, says):
    put(storage, "patches")
    edit_record(storage.record_path("patches", TILE), old, new)
    with pytest.raises(InvalidInput, match=rf"{TILE}.json is damaged \({says}"):
        storage.find("patches", TILE)


def test_a_map_has_pixels(storage):
    """A rule divides by their number."""
    put(storage, "reference_maps")
    edit_record(
        storage.record_path("reference_maps", TILE), '"pixels": 1', '"pixels": 0'
    )
    with pytest.raises(InvalidInput, match="pixels: Input should be greater than 0"):
        storage.find("reference_maps", TILE)


def test_facts_are_of_the_asset_of_their_record(storage):
    record = put(storage, "patches")
    assert record.facts_as(PatchFacts).cells == 1
    with pytest.raises(TypeError, match=r"patches has .*PatchFacts.*, not .*ZipFacts"):
        record.facts_as(ZipFacts)
