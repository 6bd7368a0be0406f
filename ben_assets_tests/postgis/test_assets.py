"""The assets through Dagster's command line, with and without a database."""

from __future__ import annotations

import socket

import dagster as dg
import pytest

from ben_assets.assets.postgis import (
    CHECKS,
    postgis_clc2018,
    postgis_countries,
    postgis_patches,
    postgis_v1_footprints,
)
from ben_assets.definitions import build_definitions
from ben_assets_tests.support.pipeline import Pipeline
from ben_assets_tests.support.programs import Fork, run_module
from resources.configured import resources_of

pytestmark = pytest.mark.real_server

CELLS = 25
PUBLISHED_TILE = "T33UUP_20170613T101031"
SWITCHED_OFF = "switched off: BEN_POSTGIS_DSN is not set"


def instance_of(publisher: Pipeline) -> dg.DagsterInstance:
    return dg.DagsterInstance.from_config(str(publisher.root / "dagster_home"))


def checked(publisher: Pipeline) -> dict[str, tuple[str, bool]]:
    """Check name to severity and result of the latest evaluation."""
    found = {}
    with instance_of(publisher) as instance:
        for check in CHECKS:
            key = dg.AssetCheckKey(check.asset.key, check.name)
            (record,) = instance.event_log_storage.get_asset_check_execution_history(
                key, limit=1
            )
            event = record.event.dagster_event.event_specific_data
            assert event.partition == publisher.keys[0]
            found[key.name] = (event.severity.value, event.passed)
    return found


def test_corine_is_loaded_once_then_maps_are_made_from_it_and_published(
    publisher, database
):
    """As a cluster does, with nothing but the database to take CORINE from."""
    run = publisher.run("postgis_clc2018,postgis_countries")
    assert run.code == 0, run.output
    before = publisher.tree()
    publisher.own_inputs("reference").joinpath("U2018_CLC2018_V2020_20u1.gpkg").unlink()
    run = publisher.run(
        "reference_maps,postgis_patches", publisher.keys[0], BEN_CLC_PATH="postgis"
    )
    assert run.code == 0, run.output
    assert publisher.tree() == before
    assert database.count("patches") == CELLS
    assert checked(publisher) == {
        "splits_follow_from_geometry": ("ERROR", True),
        "countries_are_the_nearest": ("ERROR", True),
        "seasons_follow_from_time": ("ERROR", True),
        # no footprints were loaded to compare with
        "v1_patches_are_covered": ("WARN", True),
        "grid_is_squares_without_overlap": ("ERROR", True),
        "labels_follow_from_polygons": ("ERROR", True),
    }
    with instance_of(publisher) as instance:
        made = instance.get_latest_materialization_event(dg.AssetKey("postgis_clc2018"))
    metadata = {k: v.value for k, v in made.asset_materialization.metadata.items()}
    assert metadata["dagster/row_count"] == database.count("clc2018") > 0
    assert list(metadata["made_from"]) == ["U2018_CLC2018_V2020_20u1.gpkg"]
    assert database.name in metadata["database"]
    assert database.server.password not in str(metadata)


def test_without_a_dsn_nothing_is_materialized_and_the_run_succeeds():
    """The tile is one of the 125: nothing of it is needed on disk."""
    assets = [postgis_clc2018, postgis_v1_footprints, postgis_countries]
    checks = [check.as_asset_check() for check in CHECKS]
    result = dg.materialize(
        [*assets, postgis_patches, *checks],
        partition_key=PUBLISHED_TILE,
        resources=resources_of({}),
    )
    assert result.success
    assert result.get_asset_materialization_events() == []
    observed = [
        event.asset_observation_data.asset_observation
        for event in result.get_asset_observation_events()
    ]
    said = {o.asset_key.path[-1]: o.metadata["postgis"].value for o in observed}
    assert said == {
        "postgis_clc2018": SWITCHED_OFF,
        "postgis_v1_footprints": SWITCHED_OFF,
        "postgis_countries": SWITCHED_OFF,
        "postgis_patches": SWITCHED_OFF,
    }


def test_without_a_dsn_the_checks_pass_with_a_warning():
    job = build_definitions().resolve_job_def("cross_checks")
    assert job.partitions_def is not None, "the UI offers tiles to launch it for"
    result = job.execute_in_process(tags={"dagster/partition": PUBLISHED_TILE})
    found = result.get_asset_check_evaluations()
    assert {(e.passed, e.severity.value, e.description) for e in found} == {
        (True, "WARN", SWITCHED_OFF)
    }
    assert len(found) == 6


def test_a_server_that_comes_back_is_found_by_the_next_try(publisher, database, server):
    server.stop("immediate")
    with socket.create_server(("127.0.0.1", server.port)) as dead:
        run = Fork(publisher.words("postgis_countries"), publisher.environment())
        dead.settimeout(60)
        dead.accept()[0].close()  # the first try
    server.start()
    ended = run.wait()
    assert ended.code == 0, ended.output
    assert database.count("countries") == 10


def test_the_cross_checks_are_six_and_each_tells_tiles_apart():
    assert len(CHECKS) == 6
    for check in CHECKS:
        (spec,) = check.as_asset_check().check_specs
        assert spec.asset_key == postgis_patches.key
        assert spec.partitions_def is not None


def test_the_command_migrates(blank, finished):
    migrate = ("ben_assets.cli", "postgis", "migrate")
    environment = finished.environment(BEN_POSTGIS_DSN=blank.dsn)
    first = run_module(*migrate, environment=environment)
    assert "schema from nothing to 0002" in first.output
    again = run_module(*migrate, environment=environment)
    assert (again.code, "at revision 0002 already" in again.output) == (0, True)
    refused = run_module(*migrate, environment=finished.environment())
    assert refused.code == 2
    assert "BEN_POSTGIS_DSN is not set" in refused.output
