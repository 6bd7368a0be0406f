"""Materialize assets of one tile and print what became of it, as JSON.

A process of its own: the tiles of BEN_TILES_CSV are read when the graph is imported.
``python -m ben_assets_tests.assets.run_graph TILE_KEY ASSET…``
"""

import json
import sys

import dagster as dg

from ben_assets.assets import RULE_CHECKS, STAGES
from ben_assets.assets import l2a as l2a_assets
from ben_assets.environment import settings_of_process
from resources.configured import resources_of


def main(key: str, *names: str) -> None:
    l2a_assets._PAUSE_SECONDS = 0
    assets = [a for stage in STAGES.values() for a in stage if a.key.path[-1] in names]
    checks = [c.as_asset_check() for c in RULE_CHECKS if c.asset in assets]
    result = dg.materialize(
        [*assets, *checks],
        partition_key=key,
        resources=resources_of(settings_of_process().as_environment()),
        raise_on_error=False,
    )
    evaluations = result.get_asset_check_evaluations()
    outcome = {
        "success": result.success,
        "checks": {
            e.check_name: [e.passed, e.severity.value, e.description]
            for e in evaluations
            if e.asset_key.path[-1] == "l2a_tiles"
        },
        "retries": sum(
            e.event_type_value == "STEP_RESTARTED" for e in result.all_events
        ),
        "failures": [
            e.event_specific_data.error.message
            if e.event_specific_data.error.cause is None
            else e.event_specific_data.error.cause.message
            for e in result.all_events
            if e.event_type_value == "STEP_FAILURE"
        ],
    }
    print(json.dumps(outcome))


if __name__ == "__main__":
    main(*sys.argv[1:])
