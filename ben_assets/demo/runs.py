"""Runs of the demo: a job executed through Dagster in this process, with progress."""

from __future__ import annotations

import time
import uuid
import warnings
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import dagster as dg

_POLL_SECONDS = 0.3


@dataclass(frozen=True)
class Check:
    """What one asset check said."""

    asset: str
    """Asset key."""
    name: str
    """Check name."""
    passed: bool
    """Whether it passed."""
    is_warning: bool
    """Whether it only warns."""
    outcome: str
    """Its description of the result."""


@dataclass
class FinishedRun:
    """A run and what it made."""

    job: str
    """Job name."""
    partition: str | None
    """Tile key, or None for the release."""
    succeeded: bool = False
    """Whether all steps ran."""
    made: dict[str, dict[str, object]] = field(default_factory=dict)
    """Asset to its metadata."""
    checks: list[Check] = field(default_factory=list)
    """All check results."""

    @property
    def is_fine(self) -> bool:
        """Whether all steps ran and no check failed; warnings do not count."""
        failed = [c for c in self.checks if not c.passed and not c.is_warning]
        return self.succeeded and not failed


def run_job(name: str, partition: str | None) -> FinishedRun:
    """Execute a job of the code location; prints a line for each step."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ben_assets.definitions import defs
    print(f"\n{name}{f' of {partition}' if partition else ''}", flush=True)
    run_id = str(uuid.uuid4())
    with dg.DagsterInstance.get() as instance, ThreadPoolExecutor(1) as pool:
        future = pool.submit(
            defs.resolve_job_def(name).execute_in_process,
            instance=instance,
            partition_key=partition,
            run_id=run_id,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        _follow(instance, run_id, future)
        result = future.result()
    run = FinishedRun(name, partition, result.success)
    for event in result.all_events:
        _collect(run, event)
    return run


def _follow(
    instance: dg.DagsterInstance,
    run_id: str,
    future: Future[dg.ExecuteInProcessResult],
) -> None:
    """Print progress lines of a run until it ends."""
    cursor, is_running = None, True
    while is_running:
        is_running = not future.done()
        time.sleep(_POLL_SECONDS)
        connection = instance.get_records_for_run(run_id, cursor=cursor)
        cursor = connection.cursor
        for record in connection.records:
            _print_progress(record.event_log_entry)


def _print_progress(entry: dg.EventLogEntry) -> None:
    event = entry.dagster_event
    if event is None:
        print(f"    {entry.step_key}: {entry.user_message}", flush=True)
    elif event.is_step_failure:
        error = event.step_failure_data.error_display_string
        print(f"  FAILED {event.step_key}: {error}", flush=True)


def _collect(run: FinishedRun, event: dg.DagsterEvent) -> None:
    if event.is_step_materialization:
        made = event.step_materialization_data.materialization
        run.made[made.asset_key.path[-1]] = {
            key: value.value for key, value in made.metadata.items()
        }
    elif event.event_type_value == "ASSET_CHECK_EVALUATION":
        check = event.asset_check_evaluation_data
        run.checks.append(
            Check(
                check.asset_key.path[-1],
                check.check_name,
                check.passed,
                # passed with something to say, or failed without weight
                check.severity == dg.AssetCheckSeverity.WARN
                and (bool(check.description) or not check.passed),
                check.description or "",
            )
        )
