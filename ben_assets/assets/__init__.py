"""The flow, stage by stage: file order, group order and data flow are one."""

from __future__ import annotations

from typing import Final

import dagster as dg

from ben_assets.assets import (
    l1c,
    l2a,
    patches,
    postgis,
    reference,
    reference_maps,
    release,
    training,
)
from ben_assets.assets.rule_checks import RuleCheck

_MODULES: Final = {
    "inputs": reference,
    "l1c": l1c,
    "l2a": l2a,
    "patches": patches,
    "reference_maps": reference_maps,
    "release": release,
    "training": training,
    "postgis": postgis,
}

STAGES: Final[dict[str, tuple[dg.AssetsDefinition, ...]]] = {
    group: module.ASSETS for group, module in _MODULES.items()
}
"""Dagster group to its assets, in flow order."""

RULE_CHECKS: Final[tuple[RuleCheck, ...]] = tuple(
    check for module in _MODULES.values() for check in module.CHECKS
)
"""All rules and the assets they are about, in flow order."""
