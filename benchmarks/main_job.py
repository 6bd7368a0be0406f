"""The main job at full size, from L2A tiles to the release, beside what must take time.

``python -m benchmarks.main_job [--folder DIR] [--repeats 3] [--world-a]``, best of the
repeats. Makes one full-size tile whose bands are as hard to decode as real ones
(``benchmarks.full_tile``), or the two tiles of world A, whose bands are not, but which
the original made as well. All assets of a tile are made in one process, as in a run.
The physical limit of ``patches`` is measured right after it, in a process of its own:
decode the 12 JP2 once with the same threads, then write as many files of the same sizes
to the same disk, flushed as ours; the ratio is the median over all such pairs. The
training database stands beside it and counts in no goal.

Nothing is deleted before the end: ext4 makes new files slowly for minutes after many
were deleted.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from ben_assets.environment import settings_of_process
from ben_assets.safe.l2a import read_l2a
from ben_assets.steps.l2a import product_folder
from ben_assets.steps.step_context import StepContext, cpu_count
from ben_assets.tiles import load_tiles
from ben_assets_tests.support.pipeline import RELEASE_STEPS, STEPS, Pipeline
from ben_assets_tests.support.world_a import WORLD_A, WorldA
from benchmarks.full_tile import make_full_tile, texture_source
from benchmarks.step_limits import decode, write_alike
from resources.data_root.store import StoredRecord
from resources.settings import REPOSITORY

GOAL_LIMIT_RATIO: Final = 1.1
"""``patches`` takes at most so many times as long as the physical limit."""
GOAL_SECONDS: Final = {False: 90.0, True: 60.0}
"""The full-size tile, and the two of world A, take at most so long to the release."""
GOAL_BYTES: Final = 3 << 30
"""A tile needs less memory."""

STAGES_OF_THE_ORIGINAL: Final = {
    "patches": (
        "s2_tables",
        "patches_geometrical",
        "overlaps",
        "border_split",
        "invalid_regions",
        "v1_parquet",
        "validation_alignment",
        "countries",
        "export_patches",
    ),
    "reference_maps": (
        "clc",
        "overlay",
        "rasterization_geoms",
        "export_reference_maps",
    ),
    "metadata_tables": ("labels",),
    "release_metadata": ("metadata_csvs", "finalizer_sql"),
    "release_archives": ("tars", "zstd"),
}
"""Our asset to the original's stages that do the same."""

_COLUMNS: Final = ("s", "CPU s", "peak MiB", "read MB", "written MB", "files", "MB/s")
_LIMIT: Final = "limit of patches"
_BESIDE: Final = (_LIMIT, "training_lmdb")
"""Rows that are no part of the way to the release: they count in no goal."""
_ALL: Final = "all tiles"

Row = dict[str, Any]


def main() -> int:
    """Measure and print the table; 1 if a goal is missed."""
    parser = argparse.ArgumentParser("python -m benchmarks.main_job")
    parser.add_argument("--folder", type=Path, default=REPOSITORY / ".bench/main_job")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--world-a", action="store_true")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        what, key = given.measure
        for row in _MEASURES[what](key):
            print(json.dumps(row), flush=True)
        return 0
    folder = given.folder.resolve()
    old = folder.with_name(f"{folder.name}.old")
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    inputs = _inputs(folder / "inputs", is_world_a=given.world_a)
    shops = [Pipeline(inputs, folder / f"round-{n + 1}") for n in range(given.repeats)]
    rounds = [_one_round(pipeline) for pipeline in shops]
    missed = _report(rounds, shops[0], is_world_a=given.world_a)
    shutil.rmtree(old, ignore_errors=True)
    return 1 if missed else 0


def _inputs(folder: Path, *, is_world_a: bool) -> Any:  # noqa: ANN401  # SyntheticData, or what looks like it
    if is_world_a:
        return WorldA(folder)
    print(f"generating a full-size tile (pixels: {texture_source()}) ...", flush=True)
    return make_full_tile(folder, threads=cpu_count())


def _one_round(pipeline: Pipeline) -> list[Row]:
    pipeline.data.mkdir(parents=True)
    rows: list[Row] = []
    for key in pipeline.keys:
        rows += _in_own_process(pipeline, "tile", key)
        rows += _in_own_process(pipeline, "limit", key)
    return rows + _in_own_process(pipeline, "release", _ALL)


def _best(rounds: list[list[Row]]) -> list[Row]:
    """The fastest of each row: what others do on the machine only ever adds."""
    return [
        min(same, key=lambda row: row["seconds"]) for same in zip(*rounds, strict=True)
    ]


def _in_own_process(pipeline: Pipeline, what: str, key: str) -> list[Row]:
    command = [sys.executable, "-m", "benchmarks.main_job", "--measure", what, key]
    ended = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=pipeline.environment(),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return [json.loads(line) for line in ended.stdout.splitlines()]


def _measure_tile(key: str) -> Iterable[Row]:
    settings = settings_of_process()
    ctx = StepContext.from_settings(settings, lambda line: None)
    tile = load_tiles(settings)[key]
    for asset, make in STEPS.items():
        yield _timed(key, asset, lambda make=make: make(tile, ctx))


def _measure_release(key: str) -> Iterable[Row]:
    ctx = StepContext.from_settings(settings_of_process(), lambda line: None)
    for asset, make in RELEASE_STEPS.items():
        yield _timed(key, asset, lambda make=make: make(ctx))


def _timed(key: str, asset: str, make: Callable[[], StoredRecord]) -> Row:
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here on
    started, cpu, io = time.perf_counter(), time.process_time(), _bytes_moved()
    record = make()
    return {
        "tile": key,
        "asset": asset,
        "seconds": time.perf_counter() - started,
        **_moved_since(io),
        "cpu": time.process_time() - cpu,
        "peak": _peak_bytes(),
        "files": record.files,
        "bytes": record.bytes,
    }


def _peak_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def _bytes_moved() -> dict[str, int]:
    """Bytes that this process read and wrote by system calls so far."""
    lines = Path("/proc/self/io").read_text().splitlines()
    counts = dict(line.split(": ") for line in lines)
    return {"read": int(counts["rchar"]), "written": int(counts["wchar"])}


def _moved_since(before: dict[str, int]) -> dict[str, int]:
    return {name: count - before[name] for name, count in _bytes_moved().items()}


def _measure_limit(key: str) -> Iterable[Row]:
    ctx = StepContext.from_settings(settings_of_process(), lambda line: None)
    product = read_l2a(product_folder(ctx, ctx.storage.require("l2a_tiles", key)))
    made = ctx.storage.folder("patches") / product.name.stem
    started, cpu, io = time.perf_counter(), time.process_time(), _bytes_moved()
    decode(product)
    sizes = write_alike(made, ctx.storage.root.with_name("limit"))
    yield {
        "tile": key,
        "asset": _LIMIT,
        "seconds": time.perf_counter() - started,
        **_moved_since(io),
        "cpu": time.process_time() - cpu,
        "peak": _peak_bytes(),
        "files": len(sizes),
        "bytes": sum(sizes),
    }


_MEASURES: Final = {
    "tile": _measure_tile,
    "limit": _measure_limit,
    "release": _measure_release,
}


def _report(rounds: list[list[Row]], pipeline: Pipeline, *, is_world_a: bool) -> bool:
    """Print the table; returns whether a goal was missed."""
    rows = _best(rounds)
    title = "world A" if is_world_a else f"a full-size tile ({texture_source()})"
    table = Table(title=f"From L2A to the release: {title}, {cpu_count()} cores")
    for name in ("tile", "asset", *_COLUMNS):
        table.add_column(name, justify="left" if name in ("tile", "asset") else "right")
    for row in rows:
        table.add_row(*_cells(row))
    console = Console(width=100)
    console.print(table)
    steps = [row for row in rows if row["asset"] not in _BESIDE]
    goal = GOAL_SECONDS[is_world_a]
    checks = [_limit_check(rounds), *_total_checks(steps, len(pipeline.keys), goal)]
    original = _against_the_original(steps) if is_world_a else []
    for line in (*(line for line, _ in checks), *original):
        console.print(line, highlight=False, soft_wrap=True)
    return not all(passed for _, passed in checks)


def _cells(row: Row) -> tuple[str, ...]:
    per_second = 1 / row["seconds"]
    tile = row["tile"].partition("_")[0]
    return (
        tile,
        row["asset"],
        f"{row['seconds']:.2f}",
        f"{row['cpu']:.2f}",
        f"{row['peak'] / 2**20:.0f}",
        f"{row['read'] / 1e6:.0f}",
        f"{row['written'] / 1e6:.0f}",
        f"{row['files']}",
        f"{row['bytes'] * per_second / 1e6:.1f}",
    )


def _limit_check(rounds: list[list[Row]]) -> tuple[str, bool]:
    """Each tile against the limit that was measured right after it."""
    ratios = []
    for rows in rounds:
        seconds = {(row["tile"], row["asset"]): row["seconds"] for row in rows}
        ratios += [
            seconds[tile, "patches"] / limit
            for (tile, asset), limit in seconds.items()
            if asset == _LIMIT
        ]
    ratio = statistics.median(ratios)
    line = (
        f"patches: {ratio:.2f} times the limit (median of {len(ratios)} pairs, "
        f"{min(ratios):.2f} to {max(ratios):.2f}); goal at most {GOAL_LIMIT_RATIO}"
    )
    return line, ratio <= GOAL_LIMIT_RATIO


def _total_checks(steps: list[Row], tiles: int, goal: float) -> list[tuple[str, bool]]:
    seconds = sum(row["seconds"] for row in steps)
    cpu = sum(row["cpu"] for row in steps)
    peak = max(row["peak"] for row in steps)
    return [
        (
            f"all steps: {seconds:.1f} s for {tiles} tiles ({cpu / tiles:.1f} s of CPU "
            f"a tile); goal at most {goal:.0f} s",
            seconds <= goal,
        ),
        (
            f"peak memory: {peak / 2**20:.0f} MiB; goal below {GOAL_BYTES >> 20} MiB",
            peak < GOAL_BYTES,
        ),
    ]


def _against_the_original(steps: list[Row]) -> list[str]:
    """Ratios to the original's stages, which were measured on 2 noisy cores."""
    path = WORLD_A / "timings.json"
    if not path.is_file():
        return []
    timings: dict[str, dict[str, dict[str, float]]] = json.loads(path.read_text())
    lines = []
    for asset, stages in STAGES_OF_THE_ORIGINAL.items():
        theirs = sum(_wall_seconds(timings[stage]) for stage in stages)
        ours = sum(row["seconds"] for row in steps if row["asset"] == asset)
        lines.append(
            f"{asset}: {ours:.1f} s, the original {theirs:.1f} s: "
            f"{theirs / ours:.0f} times as fast"
        )
    theirs = sum(_wall_seconds(stage) for stage in timings.values())
    ours = sum(row["seconds"] for row in steps)
    return [
        *lines,
        f"together: {ours:.1f} s, the original {theirs:.0f} s: "
        f"{theirs / ours:.0f} times as fast",
    ]


def _wall_seconds(stage: dict[str, dict[str, float]]) -> float:
    """Of the whole where that was measured; otherwise parts ran one after another."""
    if "all" in stage:
        return stage["all"]["wall_s"]
    return sum(part["wall_s"] for part in stage.values())


if __name__ == "__main__":
    sys.exit(main())
