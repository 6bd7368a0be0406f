"""The code location: a graph that loads without secret, data or network."""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg

from ben_assets.assets import STAGES
from ben_assets.checks import CHECKS
from ben_assets.jobs import JOBS


def build_definitions() -> dg.Definitions:
    """A fresh graph of all assets, checks and jobs."""
    assets = [
        asset
        for group, stage in STAGES.items()
        for asset in dg.map_asset_specs(_in_group(group), stage)
    ]
    return dg.Definitions(assets=assets, asset_checks=CHECKS, jobs=JOBS)


def _in_group(group: str) -> Callable[[dg.AssetSpec], dg.AssetSpec]:
    return lambda spec: spec.replace_attributes(group_name=group)


defs = build_definitions()
