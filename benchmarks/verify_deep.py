"""``ben verify --deep`` beside ``sha256sum`` with as many processes.

``python -m benchmarks.verify_deep DATA [--rounds 3]``

``DATA`` is a data root, such as one that the benchmark of the main job leaves; both
read every file of it, hard links as often as they occur, after it was read once.
Rounds alternate; the best of each counts, in seconds and in seconds of CPU. What
``ben verify`` says of the files is not looked at.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from resources.settings import REPOSITORY

GOAL_RATIO: Final = 1.2
"""At most so many times as long as ``sha256sum``."""
_SHA256SUM: Final = "sha256sum"
_OURS: Final = "ben verify --deep"


def main() -> int:
    """Measure, and print a small table; 1 if the goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="data root")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    data, processes = options.data.resolve(), len(os.sched_getaffinity(0))
    commands = {
        _SHA256SUM: ["sh", "-c", _all_files(processes)],
        _OURS: [sys.executable, "-m", "ben_assets.cli", "verify", "--deep", "--all"],
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    _run(commands[_SHA256SUM], data)
    for _ in range(options.rounds):
        for name, command in commands.items():
            found[name].append(_run(command, data))
    seconds = {name: min(wall for wall, _ in times) for name, times in found.items()}
    cpu = {name: min(cpu for _, cpu in times) for name, times in found.items()}
    for name in commands:
        print(f"{name:<18} {seconds[name]:.2f} s, {cpu[name]:.2f} s of CPU")
    ratio = seconds[_OURS] / seconds[_SHA256SUM]
    ratio_cpu = cpu[_OURS] / cpu[_SHA256SUM]
    print(
        f"ratio {ratio:.2f}, of CPU {ratio_cpu:.2f}, {processes} at a time (goal: at "
        f"most {GOAL_RATIO})"
    )
    return int(ratio > GOAL_RATIO)


def _all_files(processes: int) -> str:
    """A command that hashes what the data root says it has."""
    tree = "find */ -type f -not -path '*/.*' -print0"
    return f"{tree} | xargs -0 -P {processes} -n 500 sha256sum"


def _run(command: list[str], data: Path) -> tuple[float, float]:
    """Seconds and seconds of CPU of a command over a data root."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    ended = subprocess.run(
        command,
        cwd=data if command[0] == "sh" else REPOSITORY,
        env={**os.environ, "BEN_DATA_DIR": str(data)},
        stdout=subprocess.DEVNULL,
        check=False,
    )
    if ended.returncode > 1:  # 1: something differs
        raise SystemExit(f"{command} failed")
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, cpu


if __name__ == "__main__":
    sys.exit(main())
