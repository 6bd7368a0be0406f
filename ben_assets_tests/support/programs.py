"""Programs in processes of their own; those of Python need not import everything anew.

A server is started with the first of them. It imports what takes seconds of the
processor, and forks for each program. Only `ben_assets.assets` is left to the fork: it
reads the list of tiles from the environment when it is imported. A test of imports, or
of how an interpreter starts, takes `run_command`.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from resources.settings import REPOSITORY

FORKS: Final = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        __name__,
        "dagster._cli",
        "dagster._core.storage.sqlite_storage",
        "dagster._daemon",
        "ben_assets.cli",
        "ben_assets_tests.support.pipeline",
        "resources.configured",
        "rich.console",
    ]
)


@dataclass(frozen=True)
class Ended:
    """A program that has ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def output(self) -> str:
        return self.out + self.err


class Fork:
    """``python -m`` of a module, in a fork of the server."""

    def __init__(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        cwd: Path = REPOSITORY,
    ) -> None:
        """Start it: ``words`` are the module and its arguments."""
        self._folder = tempfile.TemporaryDirectory(prefix="ben-fork-")
        self._said = [Path(self._folder.name) / name for name in ("out", "err")]
        job = (self._said, cwd, dict(environment), words)
        self.process = FORKS.Process(target=_become, args=job)
        self.process.start()

    def said(self) -> str:
        """All it has said so far; fails if it has ended."""
        text = "".join(path.read_text() for path in self._said if path.exists())
        assert self.process.is_alive(), text
        return text

    def send(self, number: int) -> None:
        """A signal."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def wait(self) -> Ended:
        """Until it ends, or the time of the test does."""
        try:
            self.process.join()
        finally:
            self.process.kill()
        out, err = (path.read_text() if path.exists() else "" for path in self._said)
        self._folder.cleanup()
        assert self.process.exitcode is not None
        return Ended(self.process.exitcode, out, err)


def run_module(
    *words: str, environment: Mapping[str, str], cwd: Path = REPOSITORY
) -> Ended:
    """``python -m`` of a module with arguments, to its end."""
    return Fork(words, environment, cwd).wait()


def run_command(command: Sequence[str], environment: Mapping[str, str]) -> Ended:
    """A program as a shell starts it, to its end."""
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def _become(
    said: list[Path], cwd: Path, environment: dict[str, str], words: Sequence[str]
) -> None:
    """What the interpreter does for ``python -m``, in this process."""
    gc.freeze()  # what the server imported is no garbage
    for descriptor, path in enumerate(said, start=1):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, descriptor)
        os.close(file)
    for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)  # a shell may have them ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.path.insert(0, str(cwd))
    sys.argv = list(words)
    try:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    except Exception:
        traceback.print_exc()
        sys.exit(1)
