"""A team's instance: Dagster's own state in PostgreSQL, as in deploy/postgres."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from ben_assets.testing.processes import signal_group
from ben_assets_tests.postgis.database import Database
from ben_assets_tests.support.pipeline import Pipeline
from ben_assets_tests.support.programs import run_module
from resources.settings import REPOSITORY

pytestmark = pytest.mark.real_server

DAGSTER = Path(sys.executable).with_name("dagster")
TEAM = REPOSITORY / "deploy" / "postgres" / "dagster.yaml"


class Team:
    """A publisher whose Dagster keeps its state in a database."""

    def __init__(self, publisher: Pipeline, state: Database) -> None:
        home = publisher.root / "team_home"
        home.mkdir()
        shutil.copy(TEAM, home)
        self.state = state
        self.environment = publisher.environment(
            DAGSTER_HOME=str(home),
            DAGSTER_PG_URL=state.dsn.replace("postgresql:", "postgresql+psycopg2:"),
        )

    def dagster(self, *arguments: str) -> str:
        run = run_module("dagster", *arguments, environment=self.environment)
        assert run.code == 0, run.output
        return run.output

    def runs(self) -> list[tuple[str, str]]:
        """Status and partition of each run."""
        return self.state.query(
            "SELECT status, partition FROM public.runs ORDER BY partition"
        )

    @contextlib.contextmanager
    def daemon(self) -> Iterator[None]:
        with (Path(self.environment["DAGSTER_HOME"]) / "daemon.log").open("w") as log:
            process = subprocess.Popen(
                [DAGSTER.with_name("dagster-daemon"), "run", "-m", MODULE],
                cwd=REPOSITORY,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                yield
            finally:
                process.terminate()
                process.wait(30)
                signal_group(process, signal.SIGKILL)  # its code server


MODULE = "ben_assets.definitions"


@pytest.fixture
def team(publisher: Pipeline, new_database: Callable[[], Database]) -> Team:
    return Team(publisher, new_database())


def test_a_backfill_of_two_tiles_goes_through_the_daemon_one_at_a_time(
    team, publisher, database
):
    """The command line first, then two queued runs whose pool has one place."""
    keys = publisher.keys[:2]
    team.dagster("instance", "concurrency", "set", "postgis", "1")
    select = ("--select", "postgis_patches", "--partition", keys[0])
    team.dagster("asset", "materialize", "-m", MODULE, *select)
    assert team.runs() == [("SUCCESS", keys[0])]
    assert database.count("tiles") == 1
    team.dagster(
        *("job", "backfill", "-m", MODULE, "-j", "postgis", "--noprompt"),
        *("--partitions", ",".join(keys)),
    )
    with team.daemon():
        deadline = time.monotonic() + 240
        while {status for status, _ in team.runs()} != {"SUCCESS"}:
            assert time.monotonic() < deadline, team.runs()
            time.sleep(0.5)
    assert [partition for _, partition in team.runs()] == sorted([keys[0], *keys])
    assert database.count("tiles") == 2
    steps = team.state.query(
        "SELECT min(timestamp), max(timestamp) FROM public.event_logs "
        "WHERE step_key = 'postgis_patches' AND dagster_event_type IN "
        "('STEP_START', 'STEP_SUCCESS') GROUP BY run_id ORDER BY 1"
    )
    assert len(steps) == 3
    for (_, end), (start, _) in itertools.pairwise(steps):
        assert end <= start


def test_the_team_differs_from_the_embedded_default_in_state_and_size_alone():
    embedded = yaml.safe_load((REPOSITORY / "dagster.yaml").read_text())
    team = yaml.safe_load(TEAM.read_text())
    assert "storage" not in embedded, "SQLite is the default"
    assert team.pop("storage") == {
        "postgres": {"postgres_url": {"env": "DAGSTER_PG_URL"}}
    }
    team.pop("run_coordinator")
    team.pop("retention")
    assert team["concurrency"]["runs"].pop("max_concurrent_runs") == 4
    assert embedded["concurrency"]["runs"].pop("max_concurrent_runs") == 2
    assert team == embedded
