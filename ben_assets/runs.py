"""Runs of jobs in this process, on record as runs of the code location.

Belongs here: how ``make demo`` and ``ben run`` execute a job without a process for each
run, and what is known of it afterwards. Not here: how that is shown
(``ben_assets.run_report``).
"""

from __future__ import annotations

import threading
import uuid
import warnings
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run_iterator
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

LOCATION: Final = "ben"
"""Name of the code location, as ``workspace.yaml`` has it."""
MODULE: Final = "ben_assets.definitions"
"""What it is loaded from."""

_TRACKED: Final = "matches_tracked_hash"
_POLL_SECONDS: Final = 0.3
_QUIET: Final = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


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

    @property
    def is_untracked(self) -> bool:
        """Whether nothing is expected of the bytes, as of each new tile."""
        return self.name == _TRACKED and self.passed and self.is_warning

    @classmethod
    def of(cls, said: dg.AssetCheckEvaluation) -> Check:
        """As Dagster recorded it."""
        return cls(
            said.asset_key.path[-1],
            said.check_name,
            said.passed,
            # passed with something to say, or failed without weight
            said.severity == dg.AssetCheckSeverity.WARN
            and (bool(said.description) or not said.passed),
            said.description or "",
        )


@dataclass
class FinishedRun:
    """A run and what it made."""

    job: str
    """Job name."""
    partition: str | None
    """Tile key, or None for the release."""
    succeeded: bool = False
    """Whether all steps ran."""
    made: dict[str, Mapping[str, object]] = field(default_factory=dict)
    """Asset to its metadata."""
    checks: list[Check] = field(default_factory=list)
    """All check results."""
    failures: list[str] = field(default_factory=list)
    """Step and sentence of each that failed."""

    @property
    def is_fine(self) -> bool:
        """Whether all steps ran and no check failed; warnings do not count."""
        failed = [c for c in self.checks if not c.passed and not c.is_warning]
        return self.succeeded and not failed


def run_job(
    name: str,
    partition: str | None,
    instance: dg.DagsterInstance,
    tell: Callable[[dg.EventLogEntry], None],
) -> FinishedRun:
    """Execute a job of the code location.

    Args:
        name: of the job.
        partition: tile key, or None for a job without tiles.
        instance: where the run goes on record.
        tell: given each entry of the run's log, as it goes.

    Raises:
        KeyboardInterrupt: a signal ended the run, which is on record as failed.
    """
    job = _job(name)
    run_id, ended = str(uuid.uuid4()), threading.Event()
    # the run is in the thread of the caller, where signals interrupt it
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(_follow, instance, run_id, ended, tell)
        try:
            events = _execute(job, partition, instance, run_id)
        finally:
            ended.set()
    told.result()
    if any(_is_interruption(event) for event in events):
        raise KeyboardInterrupt
    finished = FinishedRun(name, partition)
    for event in events:
        _collect(finished, event)
    return finished


def _job(name: str) -> dg.JobDefinition:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ben_assets.definitions import defs
    return defs.resolve_job_def(name).with_executor_def(dg.in_process_executor)


def _execute(
    job: dg.JobDefinition,
    partition: str | None,
    instance: dg.DagsterInstance,
    run_id: str,
) -> list[dg.DagsterEvent]:
    """All events of a run that the UI shows as one of the code location."""
    tags = job.get_tags_for_partition_key(partition, ()) if partition else {}
    run = instance.create_run_for_job(
        job,
        run_id=run_id,
        run_config=_QUIET,
        tags={**job.run_tags, **tags},
        remote_job_origin=origin(job.name),
    )
    return list(execute_run_iterator(InMemoryJob(job), run, instance))


def origin(job: str) -> RemoteJobOrigin:
    """Where the UI says that a run comes from; without it, only page Runs has it."""
    target = LoadableTargetOrigin(module_name=MODULE)
    location = ManagedGrpcPythonEnvCodeLocationOrigin(target, LOCATION)
    return RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), job)


def _follow(
    instance: dg.DagsterInstance,
    run_id: str,
    ended: threading.Event,
    tell: Callable[[dg.EventLogEntry], None],
) -> None:
    """Hand on the log of a run until it ends."""
    cursor, is_running = None, True
    while is_running:
        is_running = not ended.wait(_POLL_SECONDS)
        connection = instance.get_records_for_run(run_id, cursor=cursor)
        cursor = connection.cursor
        for record in connection.records:
            tell(record.event_log_entry)


def _is_interruption(event: dg.DagsterEvent) -> bool:
    """Whether Dagster says of a run that a signal ended it."""
    if event.event_type is not dg.DagsterEventType.RUN_FAILURE:
        return False
    error = event.job_failure_data.error
    return error is not None and error.cls_name == "DagsterExecutionInterruptedError"


def _collect(run: FinishedRun, event: dg.DagsterEvent) -> None:
    if event.is_step_materialization:
        made = event.step_materialization_data.materialization
        metadata = {key: value.value for key, value in made.metadata.items()}
        run.made[made.asset_key.path[-1]] = metadata
    elif event.event_type_value == "ASSET_CHECK_EVALUATION":
        run.checks.append(Check.of(event.asset_check_evaluation_data))
    elif event.is_step_failure:
        run.failures.append(f"{event.step_key}: {sentence_of(event)}")
    elif event.event_type is dg.DagsterEventType.RUN_SUCCESS:
        run.succeeded = True


def sentence_of(event: dg.DagsterEvent) -> str:
    """Why a step failed: the sentence of an error of ours, else the trace."""
    data = event.step_failure_data
    told = data.user_failure_data
    return (told.description if told else None) or data.error_display_string


def warnings_and_failures(checks: Iterable[Check]) -> list[str]:
    """One line for each check that did not pass, but for untracked hashes."""
    return [
        f"{'warning' if check.is_warning else 'FAILED'}: {check.asset}: {check.name}: "
        f"{check.outcome}"
        for check in checks
        if (check.is_warning or not check.passed) and not check.is_untracked
    ]
