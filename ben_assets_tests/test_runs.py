"""Runs in this process that the UI shows as those of the code location."""

from __future__ import annotations

import textwrap

import dagster as dg
import pytest
import sqlalchemy as sa
import yaml

from ben_assets.demo.jobs import _without_sync, run_jobs
from ben_assets.run_report import print_notable, table_of, wide_console
from ben_assets.runs import LOCATION, MODULE, Check, FinishedRun, origin
from ben_assets_tests.support.programs import run_module
from resources.settings import REPOSITORY


def test_runs_are_of_the_code_location_that_the_workspace_loads():
    """Dagster compares names: others, and Overview and job pages would stay empty."""
    workspace = yaml.safe_load((REPOSITORY / "workspace.yaml").read_text())
    (loaded,) = workspace["load_from"]
    assert loaded["python_module"]["module_name"] == MODULE
    assert loaded["python_module"]["location_name"] == LOCATION
    label = origin("tile").repository_origin.get_label()
    assert label == f"__repository__@{LOCATION}"


def test_a_run_is_on_record_with_its_tile_and_where_it_comes_from(pipeline, tmp_path):
    home = tmp_path / "dagster_home"
    home.mkdir()
    code = f"""
        import dagster as dg
        from ben_assets.runs import run_job
        told = []
        with dg.DagsterInstance.get() as instance:
            run = run_job("tile_from_l2a", {pipeline.keys[0]!r}, instance, told.append)
        assert run.is_fine, (run.failures, run.checks)
        assert len(run.made) == 6, run.made
        assert any("files packed" in entry.user_message for entry in told)
    """
    (tmp_path / "run_a_tile.py").write_text(textwrap.dedent(code))
    environment = {**pipeline.environment(), "DAGSTER_HOME": str(home)}
    done = run_module("run_a_tile", environment=environment, cwd=tmp_path)
    assert done.code == 0, done.err[-3000:]
    shown = {".dagster/repository": f"__repository__@{LOCATION}"}
    with dg.DagsterInstance.from_config(str(home)) as instance:
        (run,) = instance.get_runs(dg.RunsFilter(job_name="tile_from_l2a", tags=shown))
    assert run.tags["dagster/partition"] == pipeline.keys[0]
    assert run.remote_job_origin == origin("tile_from_l2a")
    assert run.is_success


@pytest.fixture
def run() -> FinishedRun:
    return FinishedRun(
        "tile",
        "T33UUP_20180718T101031",
        succeeded=True,
        made={"patches": {"files": 84, "bytes": 1_150_000, "seconds": 0.94}},
        checks=[
            Check("patches", "splits_follow_rule", True, False, ""),
            Check("patches", "quality_passed", True, True, "a flag"),
            Check("patches", "matches_tracked_hash", True, True, "no row"),
        ],
    )


def test_the_table_names_the_whole_tile_in_a_file(run, capsys):
    wide_console().print(table_of([run]))
    print_notable(wide_console(), [run, run])
    said = capsys.readouterr().out
    (row,) = [line for line in said.splitlines() if "patches" in line and "84" in line]
    for part in (run.partition, "1.15 MB", "0.94", "1 passed, 1 not tracked, 1 warned"):
        assert part in row
    assert "warning: patches: quality_passed: a flag (2 tiles)" in said
    assert "no row" not in said
    assert "no tracked hash of 2 artifacts" in said


def test_the_demo_does_not_wait_for_the_disk_with_each_event(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    try:
        assert run_jobs([], wide_console()) == []
        with sa.create_engine("sqlite://").connect() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 0
    finally:
        sa.event.remove(sa.Engine, "connect", _without_sync)


def test_a_check_that_failed_makes_a_run_fail_though_its_steps_ran(run):
    assert run.is_fine
    run.checks.append(Check("patches", "files_are_there", False, False, "one lacks"))
    assert not run.is_fine
