"""A cluster on loopback: PostgreSQL, Redis, Dagster's servers and Celery workers.

Belongs here: processes. Each is started from here, logs
into a file, and is stopped with all its children. Needs the extra ``cluster`` and the
system packages ``postgresql`` and ``redis-server``.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self

from ben_assets.testing import postgis_server
from ben_assets.testing.cluster_client import ClusterClient, ClusterError
from ben_assets.testing.processes import answers, free_ports, signal_group, wait_until
from resources.settings import REPOSITORY

DEPLOY: Final = REPOSITORY / "deploy" / "celery"
_STOP_SECONDS: Final = 15


def missing_parts() -> list[str]:
    """What this machine lacks, with the way to install it; empty if nothing."""
    missing = []
    if shutil.which("redis-server") is None:
        missing.append("redis-server (apt-get install redis-server)")
    if postgis_server.find_bin_dir() is None:
        missing.append(f"PostgreSQL (apt-get install {postgis_server.PACKAGES})")
    try:
        import dagster_celery  # noqa: F401
        import redis  # noqa: F401
    except ImportError:
        missing.append("the extra cluster (pip install '.[cluster]')")
    return missing


class Cluster:
    """All servers of a small cluster, below one folder; use as a context."""

    def __init__(
        self,
        root: Path,
        settings: Mapping[str, str],
        timeouts: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """Touches nothing yet.

        Args:
            root: folder for all that the servers write.
            settings: those of the pipeline, the same for all processes.
            timeouts: other times than those of ``deploy/celery/dagster.yaml``, by name.
        """
        self.root = root
        self._patience = timeouts
        self._settings = settings
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._redis_port, self._code_port, self._web_port = free_ports(3)
        self.client = ClusterClient(self._web_port)
        self._postgres: postgis_server.Server | None = None
        self.environment: dict[str, str] = {}

    def __enter__(self) -> Self:
        """Start everything but workers.

        Raises:
            ClusterError: a part is missing or does not start.
        """
        if missing := missing_parts():
            raise ClusterError(f"missing: {'; '.join(missing)}")
        try:
            self._start_all()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop everything."""
        self.stop()

    def _start_all(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self._postgres = postgis_server.create(self.root / "postgres")
        self._postgres.start()
        dagster_home = self.root / "dagster_home"
        dagster_home.mkdir()
        text = (DEPLOY / "dagster.yaml").read_text()
        for name, seconds in self._patience.items():
            text = re.sub(rf"{name}: \d+", f"{name}: {seconds}", text)
        (dagster_home / "dagster.yaml").write_text(text)
        dsn = self._postgres.dsn("postgres")
        redis = f"redis://127.0.0.1:{self._redis_port}"
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        self.environment = {
            **self._settings,
            "PATH": path,
            "PYTHONPATH": str(REPOSITORY),
            "DAGSTER_HOME": str(dagster_home),
            "DAGSTER_PG_URL": dsn.replace("postgresql:", "postgresql+psycopg2:"),
            "BEN_LOCK_DSN": dsn,
            "BEN_BROKER": f"{redis}/0",
            "BEN_BACKEND": f"{redis}/1",
            "BEN_CODE_HOST": "127.0.0.1",
            "BEN_CODE_PORT": str(self._code_port),
        }
        self.start_redis()
        # once, alone: servers that meet an empty database at once break it
        self._run_dagster("instance", "migrate")
        code = ["api", "grpc", "-h", "127.0.0.1", "-p", str(self._code_port)]
        self._start("code", self._dagster(*code, "-m", "ben_assets.definitions"))
        wait_until(lambda: answers(self._code_port), "the code server")
        workspace = ["-w", str(DEPLOY / "workspace.yaml")]
        web = ["-h", "127.0.0.1", "-p", str(self._web_port), *workspace]
        self._start("web", [sys.executable, "-m", "dagster_webserver", *web])
        self.start_daemon()
        wait_until(self.client.has_code, "the webserver to have the code location")

    def start_daemon(self) -> None:
        """Start the daemon, which launches queued runs and watches started ones."""
        command = ["-m", "dagster._daemon", "run", "-w", str(DEPLOY / "workspace.yaml")]
        self._start("daemon", [sys.executable, *command])

    def start_redis(self) -> None:
        """Start Redis on the data of an earlier start."""
        folder = self.root / "redis"
        folder.mkdir(exist_ok=True)
        port = ["--port", str(self._redis_port), "--bind", "127.0.0.1"]
        command = ["redis-server", str(DEPLOY / "redis.conf"), *port]
        self._start("redis", [*command, "--dir", str(folder)])
        wait_until(lambda: answers(self._redis_port), "Redis")

    def start_worker(self, name: str, cores: Sequence[int] = ()) -> None:
        """Start a worker with one slot, and wait until it takes tasks.

        Args:
            name: its name among the workers.
            cores: the processor cores that it may use; by default all.
        """
        options = ["-A", "dagster_celery.app", "-y", str(DEPLOY / "celery.yaml")]
        command = ["-m", "dagster_celery.cli", "worker", "start", *options]
        slots = ["--name", name, "--", "--concurrency", "1"]
        self._start(name, [sys.executable, *command, *slots], cores)
        wait_until(lambda: "ready." in self.log(name), f"the worker {name}")

    @property
    def workers(self) -> list[str]:
        """Names of the workers that were not killed."""
        servers = ("redis", "code", "web", "daemon")
        return [name for name in self._processes if name not in servers]

    def pid(self, name: str) -> int:
        """Process id of a server or worker."""
        return self._processes[name].pid

    def restart_postgres(self) -> None:
        """Crash PostgreSQL and start it again."""
        assert self._postgres is not None
        self._postgres.stop("immediate")
        self._postgres.start()

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to a process of ours and its group; it is forgotten."""
        process = self._processes.pop(name)
        signal_group(process, number)
        process.wait()

    def log(self, name: str) -> str:
        """What a process said so far."""
        path = self._log_path(name)
        return path.read_text(errors="replace") if path.exists() else ""

    def stop(self) -> None:
        """Stop all processes, the youngest first, and delete PostgreSQL's data."""
        processes = list(reversed(self._processes.values()))
        self._processes.clear()
        for process in processes:
            signal_group(process, signal.SIGTERM)
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
            signal_group(process, signal.SIGKILL)
            process.wait()
        postgis_server.remove(self.root / "postgres")

    def worker_of(self, run: Mapping[str, Any]) -> str:
        """Name of the worker that had a run; empty where none had."""
        from celery import Celery

        app = Celery(backend=self.environment["BEN_BACKEND"])
        result = app.AsyncResult(run["tags"].get("dagster-celery/task_id", "none"))
        name = result.worker or (result.info or {}).get("hostname") or ""
        return str(name).partition("@")[0]

    def _dagster(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "dagster", *arguments]

    def _run_dagster(self, *arguments: str) -> None:
        done = subprocess.run(
            self._dagster(*arguments),
            env=self.environment,
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ClusterError(f"dagster {' '.join(arguments)}: {done.stderr[-2000:]}")

    def _log_path(self, name: str) -> Path:
        return self.root / f"{name}.log"

    def _start(
        self, name: str, command: Sequence[str], cores: Sequence[int] = ()
    ) -> None:
        # not in the repository's folder, whose .env Dagster would read
        with self._log_path(name).open("wb") as log:
            process = subprocess.Popen(
                command,
                env=self.environment,
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if cores:
            os.sched_setaffinity(process.pid, cores)
        self._processes[name] = process
