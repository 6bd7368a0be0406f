"""Lineage, reading and provenance: what ``flow`` declares is what happens."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ben_assets.assets import STAGES
from ben_assets.bigearthnet.product_names import is_tile_key
from ben_assets_tests.support.pipeline import (
    RELEASE_STEPS,
    STEPS,
    TRAINING_STEPS,
    Pipeline,
)
from resources.data_root.facts import OF_ASSET
from resources.data_root.flow import (
    RELEASE,
    RELEASE_ASSETS,
    TILE_ASSETS,
    UPSTREAM,
    tiles_of,
    upstream_of,
)
from resources.inputs.pins import FILES_OF_INPUT

OF_FILE = {file: asset for asset, files in FILES_OF_INPUT.items() for file in files}
MADE_HERE = (*STEPS, *RELEASE_STEPS, *TRAINING_STEPS)


@contextmanager
def files_opened(data: Path) -> Iterator[set[Path]]:
    """Files below a data root that this process opens in the block."""
    found: set[Path] = set()
    is_watching = True

    def hook(event: str, given: tuple[object, ...]) -> None:
        path = str(given[0]) if event == "open" else ""
        if is_watching and path.startswith(f"{data}/"):
            found.add(Path(path).relative_to(data))

    sys.addaudithook(hook)
    yield found
    is_watching = False


def is_record(path: Path) -> bool:
    name = path.name.removesuffix(".json")
    return name == RELEASE or is_tile_key(name)


def ancestors(asset: str) -> set[str]:
    upstream = set(UPSTREAM[asset])
    return upstream.union(*map(ancestors, upstream))


def asset_of(name: str, asset: str) -> str | None:
    """What a name in ``made_from`` stands for; None: no asset, as Sentinel-1."""
    if is_tile_key(name):
        return tiles_of(asset)
    known = name.removesuffix(".parquet")
    return known if known in UPSTREAM else OF_FILE.get(name)


def test_the_stages_list_the_assets_in_the_order_of_the_flow():
    listed = [asset.key.path[-1] for stage in STAGES.values() for asset in stage]
    assert listed == list(UPSTREAM)
    for asset, upstream in UPSTREAM.items():
        assert all(listed.index(name) < listed.index(asset) for name in upstream)


@pytest.mark.parametrize("asset", MADE_HERE)
def test_a_step_reads_what_the_flow_declares(trained: Pipeline, asset):
    key = trained.keys[0] if asset in STEPS else None
    with files_opened(trained.data) as opened:
        trained.make(asset, key)
    records = {path.parts[0] for path in opened if is_record(path)}
    others = {path.parts[0] for path in opened if not is_record(path)}
    own = {asset, *(name for name in others if name.startswith("."))}
    assert asset in records
    assert records - own <= ancestors(asset)  # whether what is upstream is stale
    assert others - own <= set(UPSTREAM[asset])


@pytest.mark.parametrize("asset", MADE_HERE)
def test_a_record_names_inputs_that_the_flow_declares(trained: Pipeline, asset):
    tiles = trained.keys if asset in STEPS else (RELEASE,)
    named = {
        found
        for tile in tiles
        for name in trained.storage.require(asset, tile).made_from
        if (found := asset_of(name, asset))
    }
    assert named <= set(UPSTREAM[asset])
    if asset in STEPS and asset != "l2a_tiles":  # imported here, not from a zip
        assert named == set(UPSTREAM[asset])


def test_l2a_products_are_imported_where_no_tile_has_an_l1c_product():
    assert upstream_of("l2a_tiles") == ("l1c_zips",)
    assert upstream_of("l2a_tiles", has_l1c=False) == ()
    assert upstream_of("l1c_zips", has_l1c=False) == upstream_of("l1c_zips") != ()


def test_corine_from_postgis_is_its_polygons_there():
    named = upstream_of("reference_maps", clc_from_postgis=True)
    assert named == ("patches", "postgis_clc2018")
    assert upstream_of("postgis_clc2018", clc_from_postgis=True) == (
        "corine_land_cover",
    )
    assert set(OF_ASSET) == {*TILE_ASSETS, *RELEASE_ASSETS} < set(UPSTREAM)
