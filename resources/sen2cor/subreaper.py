"""Runs one command and leaves no process behind; a program of its own.

``python -I -S subreaper.py PARENT_PID REPORT COMMAND…`` with the standard library
only. Every process that COMMAND starts, even one that detaches itself, stays below this
guard, which kills them all when COMMAND ends, when it is told to stop (SIGTERM) or when
its parent dies, however it dies. REPORT gets the outcome as JSON.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Final

# /usr/include/linux/prctl.h
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36

_STOP: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
_EXEC_FAILED: Final = 127


def main(arguments: list[str]) -> int:
    """Guard one command; see the module.

    Returns:
        0, whatever became of the command: that is in the report.
    """
    parent, report, *command = arguments
    # Blocked, signals wait for sigwait below: none is lost, none interrupts.
    signals = {signal.SIGCHLD, *_STOP}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):  # it died before the line above
        return 0
    child = _start(command)
    status: int | None = None
    while status is None and signal.sigwait(signals) == signal.SIGCHLD:
        status = _reap().get(child)
    left_behind = _kill_descendants()
    if status is None:  # told to stop: nobody waits for a report
        return 0
    outcome = {
        "exit_code": os.waitstatus_to_exitcode(status),
        "left_behind": left_behind,
        "peak_memory_bytes": 1024
        * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss,
    }
    Path(report).write_text(json.dumps(outcome))
    return 0


def _start(command: list[str]) -> int:
    """Fork and execute ``command``, in this process group."""
    child = os.fork()
    if child:
        return child
    try:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # should the guard itself be killed
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.execv(command[0], command)
    except BaseException as error:
        os.write(2, f"cannot run {command[0]}: {error}\n".encode())
    os._exit(_EXEC_FAILED)


def _reap() -> dict[int, int]:
    """Process id and wait status of all children that have ended."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = status


def _kill_descendants() -> int:
    """Kill every process below this one and wait for it; how many there were."""
    killed: set[int] = set()
    while alive := _descendants():
        for pid in alive:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            killed.add(pid)
        # Orphans of the killed become children of this process: look again.
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            continue
        _reap()
    return len(killed)


def _descendants() -> list[int]:
    """Ids of all processes below this one, without those that have ended."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # ended meanwhile
                continue
            if fields[0] != "Z":
                parents[int(entry.name)] = int(fields[1])
    found: list[int] = []
    wanted = {os.getpid()}
    while wanted:
        wanted = {pid for pid, parent in parents.items() if parent in wanted}
        found += wanted
    return found


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
