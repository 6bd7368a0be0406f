"""Joining the archives of tiles to those of a release, beside what must take time.

``python -m benchmarks.archives [--patches 1000] [--repeats 3] [--folder DIR]``

Two tiles of patches with as much noise as real ones (S2 shrinks to two thirds, S1 to
five sixths) are packed as ``archives`` does, then joined as ``release_archives`` does.
Joining decompresses each frame, as both archive and tar are published with SHA-256 and
MD5; what each of these costs alone, all files at a time, is the limit. The best of the
repeats counts.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table

from ben_assets.bigearthnet.archives import Archive, Member, Run, StoredFrame, pack
from ben_assets.bigearthnet.bands import BANDS
from ben_assets.bigearthnet.checksums import file_digest, sha256_of_bytes
from ben_assets.bigearthnet.dataset_layout import (
    S1_BANDS,
    S1_ROOT,
    S2_ROOT,
    path_of,
    run_of,
)
from ben_assets.steps.archives import below_root
from ben_assets.steps.step_context import cpu_count
from resources.settings import REPOSITORY

WANTED_MB: Final = 400
"""MB of archive a second, unless SHA-256 of the tars takes longer; for four cores."""
GOAL_CPU_RATIO: Final = 1.2
"""Joining costs at most so many times the CPU seconds of its parts."""

_PLACES: Final = ("33UUP", "33UVP")
_ACQUISITION: Final = "S1A_IW_GRDH_1SDV_20170613T165043"
_TILE: Final = "S2A_MSIL2A_20170613T101031_N9999_R022_T"
_S1_PIXELS: Final = 120 * 120
_MEAN: Final = 1500
_NOISE: Final = 300
"""Of the digital numbers: 10 bits of 16."""
_DECIBELS: Final = (-12, 4)
_PARTS: Final = {
    "decompress": 1,
    "SHA-256 of the tars": 1,
    "MD5 of the tars": 1,
    "SHA-256 of the archives": 2,
    "MD5 of the archives": 1,
}
"""What joining consists of, and how often: the frames have digests, too."""

Runs = dict[str, list[Member]]


@dataclass(frozen=True)
class Cost:
    """What something took."""

    seconds: float
    """Wall time."""
    cpu_seconds: float
    """Of all threads and programs."""


def main() -> int:
    """Measure, and print a table; 1 if the goal is missed."""
    options = _parser().parse_args()
    shutil.rmtree(options.folder, ignore_errors=True)
    options.folder.mkdir(parents=True)
    costs, made = _measure(options.folder, options.patches, options.repeats)
    shutil.rmtree(options.folder)
    return _report(costs, made)


def _measure(
    folder: Path, patches: int, repeats: int
) -> tuple[dict[str, Cost], list[Archive]]:
    """What each way to go through the archives took, and the archives."""
    runs = _make_files(folder, patches)
    roots = (S1_ROOT, S2_ROOT)
    made: dict[str, Archive] = {}

    def pack_all() -> None:
        for root in roots:
            target = folder / f"{root}.tile.zst"
            made[root] = pack(target, below_root(runs, root), threads=cpu_count())

    def join_all() -> None:
        for root in roots:
            stored = folder / f"{root}.tile.zst"
            frames: dict[str, Run] = {
                run: StoredFrame(stored, frame)
                for run, frame in made[root].frames.items()
            }
            pack(folder / f"{root}.tar.zst", frames, threads=cpu_count())

    tars = [folder / f"{root}.tar" for root in roots]
    archives = [folder / f"{root}.tar.zst" for root in roots]
    costs = {"pack": _cost(pack_all)}
    ways: dict[str, Callable[[], None]] = {
        "join": join_all,
        "decompress": lambda: _at_once(_decompress, archives),
        "SHA-256 of the tars": lambda: _at_once(file_digest, tars),
        "MD5 of the tars": lambda: _at_once(_md5, tars),
        "SHA-256 of the archives": lambda: _at_once(file_digest, archives),
        "MD5 of the archives": lambda: _at_once(_md5, archives),
    }
    for name, way in ways.items():
        tries = [_cost(way) for _ in range(repeats)]
        costs[name] = Cost(
            min(cost.seconds for cost in tries), min(cost.cpu_seconds for cost in tries)
        )
    return costs, list(made.values())


def _make_files(folder: Path, patches: int) -> Runs:
    runs: Runs = {}
    for name, content in _contents(patches):
        path = folder / path_of(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        member = Member(path_of(name), str(path), sha256_of_bytes(content))
        runs.setdefault(run_of(member.name), []).append(member)
    return runs


def _contents(patches: int) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file: pixels alone, without a header."""
    noise = np.random.default_rng(1)
    for place in _PLACES:
        for number in range(patches):
            cell = f"{number // 91:02d}_{number % 91:02d}"
            for band in BANDS:
                pixels = noise.normal(_MEAN, _NOISE, band.patch_pixels**2)
                content = pixels.astype("<u2").tobytes()
                yield f"{_TILE}{place}_{cell}_{band.name}", content
            for name in S1_BANDS:
                decibels = noise.normal(*_DECIBELS, _S1_PIXELS).astype("<f4")
                yield f"{_ACQUISITION}_{place}_{cell}_{name}", decibels.tobytes()


def _at_once(read: Callable[[Path], object], files: list[Path]) -> None:
    with ThreadPoolExecutor(len(files)) as pool:
        list(pool.map(read, files))


def _md5(path: Path) -> str:
    return file_digest(path, "md5")


def _decompress(path: Path) -> None:
    subprocess.run(["zstd", "-dqfk", path], check=True)


def _cost(way: Callable[[], None]) -> Cost:
    started, before = time.perf_counter(), _cpu_seconds()
    way()
    return Cost(time.perf_counter() - started, _cpu_seconds() - before)


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _report(costs: dict[str, Cost], made: list[Archive]) -> int:
    tar_mb = sum(archive.tar.bytes for archive in made) / 1e6
    zst_mb = sum(archive.zst.bytes for archive in made) / 1e6
    table = Table(
        title=f"{tar_mb:.0f} MB of tars in {zst_mb:.0f} MB of archives, "
        f"{cpu_count()} cores"
    )
    for column in ("", "s", "CPU s", "MB/s of archive", "MB/s of tar"):
        table.add_column(column, justify="right" if column else "left")
    for name, cost in costs.items():
        rates = (f"{mb / cost.seconds:.0f}" for mb in (zst_mb, tar_mb))
        table.add_row(name, f"{cost.seconds:.2f}", f"{cost.cpu_seconds:.2f}", *rates)
    Console(width=100).print(table)
    parts = sum(costs[name].cpu_seconds * times for name, times in _PARTS.items())
    parts = max(parts, 0.01)  # what a clock of the system can tell
    ratio = costs["join"].cpu_seconds / parts
    fastest = min(WANTED_MB, zst_mb / costs["SHA-256 of the tars"].seconds)
    print(
        f"joining: {zst_mb / costs['join'].seconds:.0f} MB/s of archive; "
        f"{fastest:.0f} wanted; all cores filled by its parts: "
        f"{zst_mb * cpu_count() / parts:.0f}"
    )
    print(
        f"{ratio:.2f} times the {parts:.2f} CPU s of its parts (goal: at most "
        f"{GOAL_CPU_RATIO})"
    )
    return 0 if ratio <= GOAL_CPU_RATIO else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.archives")
    parser.add_argument("--folder", type=Path, default=REPOSITORY / ".bench/archives")
    parser.add_argument("--patches", type=int, default=1000, help="of each tile")
    parser.add_argument("--repeats", type=int, default=3)
    return parser


if __name__ == "__main__":
    sys.exit(main())
