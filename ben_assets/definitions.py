"""The code location: a graph that loads without secret, data or network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import dagster as dg

from ben_assets.assets import STAGES
from ben_assets.checks import CHECKS
from ben_assets.jobs import JOBS
from resources.settings import Settings

_EXECUTORS: Final = {
    "in_process": dg.in_process_executor,  # a run is a process: one tile, one process
    "multiprocess": dg.multiprocess_executor,
}


def build_definitions() -> dg.Definitions:
    """A fresh graph of all assets, checks and jobs."""
    assets = [
        asset
        for group, stage in STAGES.items()
        for asset in dg.map_asset_specs(_in_group(group), stage)
    ]
    return dg.Definitions(
        assets=assets,
        asset_checks=CHECKS,
        jobs=JOBS,
        executor=_EXECUTORS[Settings().choice("BEN_EXECUTOR", tuple(_EXECUTORS))],
    )


def _in_group(group: str) -> Callable[[dg.AssetSpec], dg.AssetSpec]:
    return lambda spec: spec.replace_attributes(group_name=group)


defs = build_definitions()
