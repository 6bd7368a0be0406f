"""Hashing the patches of two full tiles, beside ``sha256sum`` with as many processes.

``python -m benchmarks.hash_tiffs FOLDER [--expected patch_hashes.csv] [--rounds 5]``

``FOLDER`` holds the GeoTIFFs, such as ``patches`` of a data root; they are read once
before the clock starts. Rounds alternate, so that both see the same machine; the best
of each counts. With ``--expected`` both files are compared byte for byte.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from resources.settings import REPOSITORY

GOAL_RATIO: Final = 1.3
"""At most so many times as long as ``sha256sum``."""


def main() -> int:
    """Measure, and print a small table; 1 if a goal is missed."""
    options = _parser().parse_args()
    processes = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as work:
        output = Path(work) / "patch_hashes.csv"
        runs: dict[str, Callable[[], None]] = {
            "sha256sum": lambda: _sha256sum(options.folder, processes),
            "ben hash tiffs": lambda: _ben(options.folder, output),
        }
        seconds: dict[str, list[float]] = {name: [] for name in runs}
        runs["sha256sum"]()
        for _ in range(options.rounds):
            for name, run in runs.items():
                started = time.perf_counter()
                run()
                seconds[name].append(time.perf_counter() - started)
        is_equal = options.expected is None or _equals(output, options.expected)
        n_files = output.read_text().count("\n") - 1
    best = {name: min(times) for name, times in seconds.items()}
    ratio = best["ben hash tiffs"] / best["sha256sum"]
    print(f"{n_files} files, {processes} at a time")
    for name, times in seconds.items():
        shown = " ".join(f"{second:.2f}" for second in times)
        print(f"{name:<16} best {best[name]:.2f} s  ({shown})")
    print(f"ratio {ratio:.2f} (goal: at most {GOAL_RATIO})")
    if options.expected:
        print(f"files equal the expected ones: {is_equal}")
    return 0 if is_equal and ratio <= GOAL_RATIO else 1


def _sha256sum(folder: Path, processes: int) -> None:
    command = f"find . -name '*.tif' -print0 | xargs -0 -P {processes} -n 500 sha256sum"
    subprocess.run(
        ["sh", "-c", command], cwd=folder, stdout=subprocess.DEVNULL, check=True
    )


def _ben(folder: Path, output: Path) -> None:
    command = [sys.executable, "-m", "ben_assets.cli", "hash", "tiffs"]
    subprocess.run(
        [*command, str(folder), str(output)],
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        check=True,
    )


def _equals(output: Path, expected: Path) -> bool:
    return all(
        path.read_bytes() == expected.with_name(expected.name + suffix).read_bytes()
        for suffix in ("", ".sha256")
        for path in [output.with_name(output.name + suffix)]
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder with GeoTIFFs")
    parser.add_argument("--expected", type=Path, help="the hash list it must give")
    parser.add_argument("--rounds", type=int, default=5)
    return parser


if __name__ == "__main__":
    sys.exit(main())
