"""Runs of the demo's jobs, one after the other, shown as they go, and closing words."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

import dagster as dg
import sqlalchemy as sa
from rich.console import Console

from ben_assets.run_report import print_notable, progress_on, table_of
from ben_assets.runs import FinishedRun, run_job

Job = tuple[str, str | None]
"""Name of a job and the key of its tile, None for a job without tiles."""


def run_jobs(stages: Sequence[Sequence[Job]], console: Console) -> list[FinishedRun]:
    """Run all jobs of a stage, then the next stage if all steps of it ran."""
    tell = progress_on(console)
    sa.event.listen(sa.Engine, "connect", _without_sync)
    runs: list[FinishedRun] = []
    with dg.DagsterInstance.get() as instance:
        for stage in stages:
            for job, key in stage:
                console.print(f"\n[bold]{job}{f' of {key}' if key else ''}[/]")
                runs.append(run_job(job, key, instance, tell))
            if not all(run.succeeded for run in runs):
                break
    return runs


def _without_sync(connection: sqlite3.Connection, _: object) -> None:
    """Dagster commits each event: waiting for the disk would be a third of the demo."""
    connection.execute("PRAGMA synchronous=OFF")


_NEXT: Final = """Next:
  make demo-ui                 look at these results in the Dagster UI
  make demo-ui OWN=1           the same for the data set of your own
  .demo/data/release_report/report.html   the release on one page; below .demo/own, too
  . .demo/settings.sh          for this shell; then: .venv/bin/ben tiles
  . .demo/own/settings.sh      for the data set of your own
  cp .env.example .env         set up a real run (see README.md)"""


def print_made(console: Console, runs: Sequence[FinishedRun]) -> None:
    """Print one row for each artifact made, then warnings and failures."""
    console.print(table_of(runs))
    print_notable(console, runs)


def print_close(console: Console, seconds: float, *, is_fine: bool) -> None:
    """Print the last words: how it went and what to do next."""
    console.print(
        f"{'All steps ran and no check failed' if is_fine else 'FAILED: see above'}; "
        f"{seconds:.0f} s. Results: .demo/data and .demo/own/data",
        style="green" if is_fine else "red",
    )
    console.print(_NEXT, highlight=False)
