"""Makes what the browser tests look at; each mode is a process of its own.

``python -m ben_assets_tests.browser.results (tiles|record)``, settings in the
environment.
"""

from __future__ import annotations

import sys
import time
import warnings

import dagster as dg

from ben_assets.partitions import TILES
from ben_assets.runs import run_job
from resources.data_root.flow import TILE_ASSETS


def make_tiles() -> None:
    """The inputs, each tile from its L2A product on, then the release."""
    keys = [tile.key for tile in TILES.values() if not tile.is_published]
    with dg.DagsterInstance.get() as instance:
        assert run_job("inputs", None, instance, lambda entry: None).succeeded
        for key in keys:
            run_job("tile_from_l2a", key, instance, lambda entry: None)
        assert run_job("release", None, instance, lambda entry: None).succeeded


def put_tiles_on_record() -> None:
    """Have Dagster believe that all 125 tiles of BigEarthNet v2 were made."""
    started = time.perf_counter()
    keys = [tile.key for tile in TILES.values() if tile.is_published]
    with dg.DagsterInstance.get() as instance:
        for asset in TILE_ASSETS:
            for key in keys:
                event = dg.AssetMaterialization(asset, partition=key)
                instance.report_runless_asset_event(event)
    print(f"{len(keys)} tiles put on record: {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    {"tiles": make_tiles, "record": put_tiles_on_record}[sys.argv[1]]()
