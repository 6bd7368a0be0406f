"""``dagster dev`` as a process that can be stopped for good, and questions to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from ben_assets.testing.processes import free_ports
from resources.settings import REPOSITORY

START_SECONDS = 180
STOP_SECONDS = 20


class DagsterDev:
    """The UI on a loopback port, with its daemon and its code server."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        (self.port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / "dagster-dev.log"
        command = [sys.executable, "-m", "dagster", "dev", "-h", "127.0.0.1"]
        command += ["-p", str(self.port), "-w", str(REPOSITORY / "workspace.yaml")]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Until it answers; fails with its log."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/server_info", timeout=5):
                    return
            except OSError:
                time.sleep(0.5)
        log = self._log.read_text(errors="replace")
        raise AssertionError(f"dagster dev does not answer:\n{log[-4000:]}")

    def ask(self, query: str) -> dict:
        """The data of a GraphQL answer."""
        request = urllib.request.Request(
            f"{self.url}/graphql",
            json.dumps({"query": query}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["data"]

    def stop(self) -> None:
        """Stop it and all it started; its code server outlives it otherwise."""
        below = descendants(self._process.pid)
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_SECONDS)
        for pid, started in below.items():
            if start_time(pid) == started:
                os.kill(pid, signal.SIGKILL)


def start_time(pid: int) -> str | None:
    """When a process started, in ticks since boot: tells a reused id apart."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return fields[19]


def descendants(pid: int) -> dict[int, str | None]:
    """Id and start time of the children of a process, and of theirs."""
    found: dict[int, str | None] = {}
    parents = [pid]
    while parents:
        listed = Path(f"/proc/{parents.pop()}/task").glob("*/children")
        for child in {int(c) for path in listed for c in _read(path).split()}:
            found[child] = start_time(child)
            parents.append(child)
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
