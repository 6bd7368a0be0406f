"""Runs of the demo's jobs, one after the other, shown as they go."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import dagster as dg
import sqlalchemy as sa
from rich.console import Console

from ben_assets.run_report import progress_on
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
