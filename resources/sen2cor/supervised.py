"""Run a program of others: bounded in time and output, and no process of it left.

Belongs here: starting, reading, stopping. Not here: what the program is for.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from ben_assets.bigearthnet.errors import ProcessorFailed, ProcessorKilled
from resources.sen2cor import subreaper

_CHUNK: Final = 1 << 16
_LOG_LIMIT: Final = 16 << 20
"""Bytes of output kept in the log file; a flood must not fill the disk."""

_TAIL_LINES: Final = 20
_LINE_LIMIT: Final = 2000
_GRACE_SECONDS: Final = 30


@dataclass(frozen=True)
class Outcome:
    """What became of a program that ended by itself."""

    exit_code: int
    """Its exit code; negative: the signal that ended it."""
    left_behind: int
    """Processes that outlived it and were killed."""
    seconds: float
    """Wall time."""
    peak_memory_bytes: int
    """Largest resident size of any one of its processes."""
    tail: tuple[str, ...]
    """Last lines of its output."""


def run_supervised(
    command: Sequence[str | Path],
    *,
    folder: Path,
    environment: Mapping[str, str],
    log_file: Path,
    timeout_seconds: float,
    on_line: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """Run ``command`` in ``folder`` with just ``environment``, and wait for it.

    Both its output streams go to ``log_file``, up to 16 MiB, and line by line to
    ``on_line``. Whichever way this ends (also by an exception or by the death of this
    process), no process that the command started is alive after it.

    Raises:
        ProcessorFailed: it ran into the time limit.
        ProcessorKilled: its guard was killed from outside.
    """
    started = time.monotonic()
    report = folder / f".{log_file.stem}.outcome.json"
    report.unlink(missing_ok=True)
    guard = [sys.executable, "-I", "-S", subreaper.__file__, str(os.getpid())]
    process = subprocess.Popen(
        [*guard, str(report), *map(str, command)],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        with log_file.open("wb", buffering=0) as log:
            output = _Output(log, on_line)
            for chunk in _chunks(process, started + timeout_seconds):
                output.take(chunk)
            output.finish()
        process.wait(_GRACE_SECONDS)
    except TimeoutError as error:
        raise ProcessorFailed(
            f"{Path(command[0]).name} did not end within {timeout_seconds:g} s and "
            f"was stopped with all its processes; see {log_file}, run again or raise "
            "the limit (BEN_SEN2COR_TIMEOUT_S)"
        ) from error
    finally:
        _stop(process)
    return _outcome(report, command, log_file, time.monotonic() - started, output)


def _chunks(process: subprocess.Popen[bytes], deadline: float) -> Iterator[bytes]:
    """Output as it comes, until the guard ends, which holds the stream open.

    Raises:
        TimeoutError: time is up.
    """
    assert process.stdout is not None
    handle = process.stdout.fileno()
    while True:
        left = deadline - time.monotonic()
        # A flood is always ready to be read: the clock is asked first.
        if left <= 0 or not select.select([handle], [], [], left)[0]:
            raise TimeoutError
        chunk = os.read(handle, _CHUNK)
        if not chunk:
            return
        yield chunk


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Have the guard kill everything; kill it too if it does not answer."""
    assert process.stdout is not None
    process.stdout.close()
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
            return
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _outcome(
    report: Path,
    command: Sequence[str | Path],
    log_file: Path,
    seconds: float,
    output: _Output,
) -> Outcome:
    try:
        content: dict[str, Any] = json.loads(report.read_text())
    except (FileNotFoundError, ValueError) as error:
        raise ProcessorKilled(
            f"{Path(command[0]).name} was killed together with its guard, from "
            f"outside; see {log_file} and the system's log (out of memory?), run again"
        ) from error
    report.unlink()
    return Outcome(**content, seconds=seconds, tail=tuple(output.tail))


@dataclass
class _Output:
    """Splits a stream of bytes into lines and keeps a bounded copy of it."""

    log: IO[bytes]
    on_line: Callable[[str], None]
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=_TAIL_LINES))
    _rest: bytes = b""
    _left: int = _LOG_LIMIT
    _dropped: int = 0

    def take(self, chunk: bytes) -> None:
        """The next bytes of the stream."""
        self.log.write(chunk[: self._left])
        self._dropped += max(len(chunk) - self._left, 0)
        self._left = max(self._left - len(chunk), 0)
        *lines, rest = (self._rest + chunk).replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            self._line(line)
        self._rest = rest[:_LINE_LIMIT]

    def finish(self) -> None:
        """The stream has ended."""
        if self._rest:
            self._line(self._rest)
        if self._dropped:
            note = f"\n[{self._dropped} more bytes of output; the last lines:]\n"
            self.log.write(note.encode() + "\n".join(self.tail).encode())

    def _line(self, line: bytes) -> None:
        text = line[:_LINE_LIMIT].decode("utf-8", "replace").rstrip()
        if text:
            self.tail.append(text)
            self.on_line(text)
