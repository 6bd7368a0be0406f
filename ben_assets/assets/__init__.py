"""The flow, stage by stage: file order, group order and data flow are one."""

from __future__ import annotations

from typing import Final

import dagster as dg

from ben_assets.assets import (
    l1c,
    l2a,
    postgis,
    reference,
    release,
    training,
)
from ben_assets.assets import (
    patches as patches_stage,
)
from ben_assets.assets import (
    reference_maps as reference_maps_stage,
)
from ben_assets.assets.l1c import l1c_hash_csv, l1c_zips, tile_id_csv, tile_ids
from ben_assets.assets.l2a import l2a_tiles
from ben_assets.assets.patches import patches
from ben_assets.assets.postgis import (
    postgis_clc2018,
    postgis_countries,
    postgis_patches,
    postgis_v1_footprints,
)
from ben_assets.assets.reference import INPUTS
from ben_assets.assets.reference_maps import reference_maps
from ben_assets.assets.release import (
    aligned_dataset,
    archives,
    metadata_tables,
    release_archives,
    release_metadata,
    release_report,
)
from ben_assets.assets.rule_checks import RuleCheck

STAGES: Final[dict[str, tuple[dg.AssetsDefinition, ...]]] = {
    "inputs": INPUTS,
    "l1c": (tile_ids, l1c_zips, tile_id_csv, l1c_hash_csv),
    "l2a": (l2a_tiles,),
    "patches": (patches,),
    "reference_maps": (reference_maps,),
    "release": (
        metadata_tables,
        aligned_dataset,
        archives,
        release_metadata,
        release_archives,
        release_report,
    ),
    "training": training.ASSETS,
    "postgis": (
        postgis_clc2018,
        postgis_v1_footprints,
        postgis_countries,
        postgis_patches,
    ),
}
"""Dagster group to its assets, in flow order."""

RULE_CHECKS: Final[tuple[RuleCheck, ...]] = (
    *reference.CHECKS,
    *l1c.CHECKS,
    *l2a.CHECKS,
    *patches_stage.CHECKS,
    *reference_maps_stage.CHECKS,
    *release.CHECKS,
    *training.CHECKS,
    *postgis.CHECKS,
)
"""All rules and the assets they are about, in flow order."""
