"""The main job of a full-size tile, before and after, beside what must take time.

``python -m benchmarks.before_after [--against COMMIT] [--repeats 1] [--folder DIR]``

Both versions get the same inputs, whose bands are as hard to decode as real ones
(``benchmarks.full_tile``), take turns, and leave all they wrote until the end. First
each step by itself, in one process; then as a user runs it, with all checks: the
tile's assets and the release by Dagster's command line. The limit of a step is what no
version of it can do without, measured in the same run (``benchmarks.step_limits``).
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from ben_assets.steps.step_context import cpu_count
from ben_assets.synthetic.dataset import SyntheticData
from benchmarks.full_tile import TILE, make_full_tile, texture_source
from benchmarks.main_job import GOAL_LIMIT_RATIO
from benchmarks.overview import with_compiled_modules
from benchmarks.projection import projection
from benchmarks.step_limits import DECODE, measure
from resources.settings import REPOSITORY

BEFORE: Final = "68d1e21"
"""The version that goals are stated against."""
GOAL_STEPS_SECONDS: Final = 90.0
"""All steps together; the version before took 128 s."""
GOAL_USER_SECONDS: Final = 105.0
"""The same with checks, starts of processes taken off; the version before: 180 s."""

_OF_TILE: Final = (
    "l2a_tiles",
    "patches",
    "reference_maps",
    "metadata_tables",
    "aligned_dataset",
    "archives",
)
_OF_RELEASE: Final = ("release_metadata", "release_archives")
_KEY: Final = """
import sys
from ben_assets.partitions import tile_partitions
keys = tile_partitions.get_partition_keys()
print(*(key for key in keys if all(part in key for part in sys.argv[1:])))
"""

Row = dict[str, Any]


@dataclass(frozen=True)
class Version:
    """One version of the code and where it works."""

    name: str
    """``before`` or ``after``."""
    code: Path
    """Its checkout."""
    folder: Path
    """Takes its data roots."""
    settings: dict[str, str]
    """Its inputs."""

    def environment(self, data: Path) -> dict[str, str]:
        """Of a process that writes below ``data``."""
        home = data.with_name(f"{data.name}-dagster")
        home.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.code / "dagster.yaml", home)
        own = {"DAGSTER_HOME": str(home), "BEN_DATA_DIR": str(data)}
        return {**with_compiled_modules(), **self.settings, **own}

    def run(self, data: Path, *arguments: str) -> str:
        """What Python prints, in this version's checkout."""
        ended = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.code,
            env=self.environment(data),
            capture_output=True,
            check=False,
            text=True,
        )
        if ended.returncode:
            raise SystemExit(f"{self.name}: {arguments} failed:\n{ended.stderr}")
        return ended.stdout

    def steps(self, data: Path) -> list[Row]:
        """Measurements of all steps, each called by itself."""
        data.mkdir(parents=True)
        rows: list[Row] = []
        for what, key in (("tile", self.key()), ("release", "release")):
            printed = self.run(
                data, "-m", "benchmarks.main_job", "--measure", what, key
            )
            rows += [json.loads(line) for line in printed.splitlines()]
        return [row for row in rows if row["asset"] in _OF_TILE + _OF_RELEASE]

    def key(self) -> str:
        """Key of the tile."""
        return self.run(self.folder / "keys", "-c", _KEY, *TILE.key.split("_")).strip()

    def as_a_user(self, data: Path) -> Row:
        """Tile and release by Dagster's command line, without what a start takes."""
        self._dagster(data, "list")  # compiles its modules
        start = _timed(lambda: self._dagster(data, "list"))["seconds"]
        select = ("materialize", "--select")
        tile = (*select, ",".join(_OF_TILE), "--partition", self.key())
        made = _timed(lambda: self._dagster(data, *tile))
        release = _timed(lambda: self._dagster(data, *select, ",".join(_OF_RELEASE)))
        return {
            "start": start,
            "tile": made["seconds"] - start,
            "release": release["seconds"] - start,
            "seconds": made["seconds"] + release["seconds"] - 2 * start,
            "cpu": made["cpu"] + release["cpu"],
        }

    def _dagster(self, data: Path, command: str, *options: str) -> None:
        module = ("-m", "ben_assets.definitions")
        self.run(data, "-m", "dagster", "asset", command, *module, *options)


def _timed(action: Any) -> Row:  # noqa: ANN401  a function without arguments
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    action()
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "cpu": cpu}


@contextmanager
def _worktree(commit: str, folder: Path) -> Iterator[Path]:
    git = ("git", "-C", str(REPOSITORY), "worktree")
    subprocess.run([*git, "add", "--detach", "--quiet", folder, commit], check=True)
    try:
        yield folder
    finally:
        subprocess.run([*git, "remove", "--force", folder], check=True)


def main() -> int:
    """Measure and print both tables; 1 if a goal is missed."""
    parser = argparse.ArgumentParser("python -m benchmarks.before_after")
    parser.add_argument("--against", default=BEFORE, help="commit to compare with")
    parser.add_argument("--repeats", type=int, default=1)
    folder = REPOSITORY / ".bench/before_after"
    parser.add_argument("--folder", type=Path, default=folder)
    given = parser.parse_args()
    folder = given.folder.resolve()
    if folder.exists():
        parser.error(f"{folder} is there already; remove it first")
    print(f"generating a full-size tile (pixels: {texture_source()}) ...", flush=True)
    made = make_full_tile(folder / "inputs", threads=cpu_count())
    with _worktree(given.against, folder / "code") as code:
        settings = made.settings()
        versions = [
            Version("before", code, folder / "before", settings),
            Version("after", REPOSITORY, folder / "after", settings),
        ]
        return _compare(versions, made, given.repeats)


def _compare(versions: Sequence[Version], made: SyntheticData, repeats: int) -> int:
    steps: dict[str, list[list[Row]]] = {one.name: [] for one in versions}
    runs: dict[str, list[Row]] = {one.name: [] for one in versions}
    for number in range(repeats):
        for one in versions:
            print(f"steps, {one.name} ...", flush=True)
            steps[one.name].append(one.steps(one.folder / f"steps-{number}"))
        for one in versions:
            print(f"as a user runs it, {one.name} ...", flush=True)
            runs[one.name].append(one.as_a_user(one.folder / f"user-{number}"))
    data = versions[-1].folder / "steps-0"
    print("limits ...", flush=True)
    limits = measure(data, made)
    best = {name: _best(rounds) for name, rounds in steps.items()}
    least = {name: min(rows, key=_seconds) for name, rows in runs.items()}
    return _report(best, limits, least)


def _seconds(row: Row) -> float:
    return float(row["seconds"])


def _best(rounds: list[list[Row]]) -> dict[str, Row]:
    """The fastest of each step: what others do on the machine only ever adds."""
    rows = [min(same, key=_seconds) for same in zip(*rounds, strict=True)]
    return {row["asset"]: row for row in rows}


def _report(
    best: dict[str, dict[str, Row]], limits: dict[str, Row], runs: dict[str, Row]
) -> int:
    """Print the tables and the goals; 1 if one is missed."""
    title = f"A full-size tile ({texture_source()}), {cpu_count()} cores: s (CPU s)"
    table = Table(title=title)
    table.add_column("step")
    for name in ("before", "after", "limit", "peak MiB", "read MB", "written MB"):
        table.add_column(name, justify="right")
    before, after = best["before"], best["after"]
    for asset, row in after.items():
        limit = _time(limits[asset]) if asset in limits else ""
        table.add_row(asset, _time(before[asset]), _time(row), limit, *_moved(row))
    floor = {asset: row for asset, row in limits.items() if asset != DECODE}
    sums = [_sum(rows) for rows in (before, after, floor)]
    table.add_row("together", *map(_time, sums), _peak(after))
    table.add_row("with checks, as a user runs it", *map(_time, runs.values()))
    Console(width=110).print(table)
    for name, row in runs.items():
        print(
            f"{name}: a process starts in {row['start']:.1f} s, twice taken off above"
        )
    steps, user = sums[1]["seconds"], runs["after"]["seconds"]
    ratio = after["patches"]["seconds"] / limits["patches"]["seconds"]
    print(f"all steps: {steps:.1f} s; goal at most {GOAL_STEPS_SECONDS:.0f} s")
    print(f"as a user: {user:.1f} s; goal at most {GOAL_USER_SECONDS:.0f} s")
    print(f"patches: {ratio:.2f} times its limit; goal at most {GOAL_LIMIT_RATIO}")
    for line in projection(after, limits[DECODE], runs["after"]):
        print(line)
    missed = steps > GOAL_STEPS_SECONDS or user > GOAL_USER_SECONDS
    return int(missed or ratio > GOAL_LIMIT_RATIO)


def _time(row: Row) -> str:
    return f"{row['seconds']:.1f} ({row['cpu']:.1f})"


def _moved(row: Row) -> tuple[str, ...]:
    mega = (f"{row[name] / 1e6:.0f}" for name in ("read", "written"))
    return (f"{row['peak'] / 2**20:.0f}", *mega)


def _peak(rows: dict[str, Row]) -> str:
    return f"{max(row['peak'] for row in rows.values()) / 2**20:.0f}"


def _sum(rows: dict[str, Row]) -> Row:
    return {name: sum(r[name] for r in rows.values()) for name in ("seconds", "cpu")}


if __name__ == "__main__":
    sys.exit(main())
