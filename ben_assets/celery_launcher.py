"""Runs as Celery tasks: what Dagster's launcher lacks for workers that may die.

Belongs here: is a run's worker alive, and how is a run stopped. Named in
``deploy/celery/dagster.yaml``; needs the extra ``cluster``; nothing else imports it.
"""

from __future__ import annotations

import time
from typing import Any, Final, cast

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

_ANSWER_SECONDS: Final = 3.0
"""How long workers may take to say what they do."""


class WatchedCeleryRunLauncher(CeleryRunLauncher):
    """Asks the workers themselves, not only the records in Redis.

    Dagster's own takes "started" for alive, so a run whose machine died stays so for
    ever, and takes a record lost with Redis for dead. And its ``terminate`` does not
    say in Dagster that a person wanted it: the run fails, and is started again.
    """

    def __init__(self, lost_after_seconds: int, **config: Any) -> None:  # noqa: ANN401
        """As ``CeleryRunLauncher``, but for one number.

        Args:
            lost_after_seconds: a run that no worker admits to for so long has lost its
                worker; more than a restart of Redis takes.
            config: that of ``CeleryRunLauncher``.
        """
        super().__init__(**config)
        self._lost_after_seconds = lost_after_seconds
        self._missed_since: dict[str, float] = {}

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """What ``dagster.yaml`` may say."""
        inherited = cast("dict[str, Any]", CeleryRunLauncher.config_type())
        return {
            **inherited,
            "lost_after_seconds": dg.Field(int, default_value=60),
        }

    def terminate(self, run_id: str) -> bool:
        """Stop a run, wherever it is; it ends as canceled."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        was_running = run.status is dg.DagsterRunStatus.STARTED
        has_task = DAGSTER_CELERY_TASK_ID_TAG in run.tags
        if was_running and not has_task:  # on a command line, where only INT helps
            return False
        self._instance.report_run_canceling(run)
        if has_task:
            super().terminate(run_id)
        if not was_running:  # no process that could report it
            self._instance.report_run_canceled(run)
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Alive if a worker says that it has the run, or did so a short while ago."""
        task_id = run.tags.get(DAGSTER_CELERY_TASK_ID_TAG)
        if task_id is None:  # started on a command line: no task, nobody to ask
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        state = self.celery.AsyncResult(task_id).state
        if state in ("SUCCESS", "FAILURE"):
            self._missed_since.pop(run.run_id, None)
            return super().check_run_worker_health(run)
        if self._is_at_a_worker(task_id):
            self._missed_since.pop(run.run_id, None)
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        since = self._missed_since.setdefault(run.run_id, time.monotonic())
        missed_seconds = time.monotonic() - since
        if missed_seconds < self._lost_after_seconds:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        del self._missed_since[run.run_id]
        return CheckRunHealthResult(
            WorkerStatus.FAILED,
            f"no worker has had this run for {missed_seconds:.0f} s (state: {state})",
        )

    def _is_at_a_worker(self, task_id: str) -> bool:
        inspect = self.celery.control.inspect(timeout=_ANSWER_SECONDS)
        answers = inspect.query_task(task_id) or {}
        return any(answers.values())
