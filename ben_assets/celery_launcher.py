"""Runs as Celery tasks: what Dagster's launcher lacks for workers that may die.

Belongs here: is a run's worker alive, and how is a run stopped. Named in
``deploy/celery/dagster.yaml``; needs the extra ``cluster``; nothing else imports it.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any, Final, cast

import dagster as dg
from dagster._core.launcher import (
    CheckRunHealthResult,
    LaunchRunContext,
    WorkerStatus,
)
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

_ANSWER_SECONDS: Final = 3.0
"""How long workers may take to say what they do."""
_LOOK_SECONDS: Final = 5.0
"""Between two looks at the runs that wait for a worker."""
_logger = logging.getLogger(__name__)


class WatchedCeleryRunLauncher(CeleryRunLauncher):
    """Asks the workers themselves, not only the records in Redis.

    Dagster's own takes "started" for alive, so a run whose machine died stays so for
    ever, and takes a record lost with Redis for dead. A task that a worker had reserved
    when it died is in no queue any more, and Dagster would wait for it until the start
    timeout. And its ``terminate`` does not say in Dagster that a person wanted it: the
    run fails, and is started again.
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
        self._watch: threading.Thread | None = None
        self._is_over = threading.Event()

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """What ``dagster.yaml`` may say."""
        inherited = cast("dict[str, Any]", CeleryRunLauncher.config_type())
        return {
            **inherited,
            "lost_after_seconds": dg.Field(int, default_value=60),
        }

    def launch_run(self, context: LaunchRunContext) -> None:
        """Give a run to the workers, and see that one of them takes it."""
        if self._watch is None:
            self._watch = threading.Thread(target=self._watch_starting, daemon=True)
            self._watch.start()
        super().launch_run(context)

    def dispose(self) -> None:
        """End the watch."""
        self._is_over.set()
        super().dispose()

    def _watch_starting(self) -> None:
        """Dagster's daemon looks at the workers of runs that have started only."""
        while not self._is_over.wait(_LOOK_SECONDS):
            try:
                self._fail_lost_starts()
            except Exception as error:  # the next look is soon
                _logger.warning("cannot look at the runs that start: %s", error)

    def _fail_lost_starts(self) -> None:
        starting = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTING])
        for run in self._instance.get_runs(starting):
            task_id = run.tags.get(DAGSTER_CELERY_TASK_ID_TAG)
            if task_id is None:  # on its way
                continue
            is_there = self._is_at_a_worker(task_id) or self._is_in_the_queue(task_id)
            if missed_seconds := self._lost_for(run, is_there=is_there):
                now = self._instance.get_run_by_id(run.run_id)
                if now and now.status is dg.DagsterRunStatus.STARTING:
                    self._instance.report_run_failed(
                        run,
                        "neither the queue nor a worker has had this run for "
                        f"{missed_seconds:.0f} s",
                    )

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
        missed_seconds = self._lost_for(run, is_there=self._is_at_a_worker(task_id))
        if missed_seconds is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(
            WorkerStatus.FAILED,
            f"no worker has had this run for {missed_seconds:.0f} s (state: {state})",
        )

    def _lost_for(self, run: dg.DagsterRun, *, is_there: bool) -> float | None:
        """Seconds that a run has been missed, once these are too many."""
        if is_there:
            self._missed_since.pop(run.run_id, None)
            return None
        since = self._missed_since.setdefault(run.run_id, time.monotonic())
        missed_seconds = time.monotonic() - since
        if missed_seconds < self._lost_after_seconds:
            return None
        del self._missed_since[run.run_id]
        return missed_seconds

    def _is_at_a_worker(self, task_id: str) -> bool:
        inspect = self.celery.control.inspect(timeout=_ANSWER_SECONDS)
        answers = inspect.query_task(task_id) or {}
        return any(answers.values())

    def _is_in_the_queue(self, task_id: str) -> bool:
        """Whether the task waits in Redis for a worker."""
        with self.celery.connection_for_read() as connection:
            channel = connection.default_channel
            keys = [
                channel._q_for_pri(self.default_queue, priority)
                for priority in channel.priority_steps
            ]
            waiting = [m for key in keys for m in channel.client.lrange(key, 0, -1)]
        return any(task_id.encode() in message for message in waiting)
