"""Kills of the main job: a tile is whole or absent at any moment; the next run repairs.

``python -m benchmarks.soak_main_job [--kills 200] [--pairs 20]``. A run makes one small
tile from its L2A product to its training database, and then what is made of all tiles,
over an older result or none; it is killed (SIGKILL) at random moments, half of them
just before or after the record of a result comes or goes. Then two runs at a time make
the same tile.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

from ben_assets.synthetic.dataset import SyntheticData, make_synthetic_data
from ben_assets.synthetic.tiles import DEMO_TILES
from ben_assets_tests.support.pipeline import (
    RELEASE_STEPS,
    STEPS,
    TRAINING_STEPS,
    Pipeline,
)
from benchmarks.whole_tiles import WholeTiles, record_of

KEY: Final = DEMO_TILES[0].key
TILE_ASSETS: Final = tuple(STEPS)
"""From the import of the product to the training database."""
ASSETS: Final = (*TILE_ASSETS, *RELEASE_STEPS, *TRAINING_STEPS)
"""All that a run makes, in flow order."""
_REPAIR_EVERY: Final = 5
Ready = tuple[Pipeline, WholeTiles, float]
"""A pipeline with one whole tile, its results, and the seconds that a run takes."""
# the libraries are imported once, and each run is forked off a process without threads
_FORK: Final = multiprocessing.get_context("fork")


def start(target: object, *args: object) -> BaseProcess:
    """A process of its own, forked off this one."""
    process = _FORK.Process(target=target, args=args)  # type: ignore[arg-type]
    process.start()
    return process


def run_tile(pipeline: Pipeline) -> None:
    """What a run of one tile does."""
    for asset in TILE_ASSETS:
        pipeline.make(asset, KEY)


def run_all(pipeline: Pipeline) -> None:
    """One tile, and what is made of all tiles."""
    run_tile(pipeline)
    for asset in ASSETS[len(TILE_ASSETS) :]:
        pipeline.make(asset)


def run_until(pipeline: Pipeline, asset: str, is_after: bool) -> None:
    """The same, killed just before or after the record of an asset comes or goes."""
    record, has_moved = str(pipeline.data / record_of(asset, KEY)), False

    def hook(event: str, names: tuple[object, ...]) -> None:
        nonlocal has_moved
        moves = event in ("os.rename", "os.remove") and record in map(str, names)
        if has_moved if is_after else moves:
            has_moved = False  # the signal is an event, too
            os.kill(os.getpid(), signal.SIGKILL)
        has_moved = moves

    sys.addaudithook(hook)
    run_all(pipeline)


def finish(*processes: BaseProcess) -> None:
    """Wait for runs that nobody kills.

    Raises:
        AssertionError: one failed.
    """
    for process in processes:
        process.join(120)
        assert process.exitcode == 0, f"a run ended with {process.exitcode}"


def prepare(folder: Path) -> Ready:
    """What both campaigns work on."""
    finish(start(make_data_set, folder))
    pipeline = Pipeline(SyntheticData(folder / "synthetic", (KEY,)), folder)
    started = time.perf_counter()
    finish(start(run_all, pipeline))
    return pipeline, WholeTiles.of(pipeline), time.perf_counter() - started


def make_data_set(folder: Path) -> None:
    """The inputs of one small tile; to be run apart, as it starts threads."""
    make_synthetic_data(folder / "synthetic", tiles=DEMO_TILES[:1], l1c=False)


def kill_campaign(ready: Ready, kills: int, seed: int) -> dict[int, int]:
    """Kill runs at random moments; number of assets with a record to how often.

    Raises:
        AssertionError: a killed run left half a tile, or the next one did not repair
            it.
    """
    rng = random.Random(seed)
    pipeline, whole, seconds = ready
    seen: dict[int, int] = {}
    for number in range(1, kills + 1):
        if rng.random() < 0.5:
            for asset in ASSETS:
                shutil.rmtree(pipeline.storage.folder(asset), ignore_errors=True)
        if rng.random() < 0.5:
            run = start(run_all, pipeline)
            time.sleep(rng.uniform(0, seconds))
            run.kill()
        else:
            run = start(run_until, pipeline, rng.choice(ASSETS), rng.random() < 0.5)
        run.join()
        assert run.exitcode in (-signal.SIGKILL, 0), f"a run ended with {run.exitcode}"
        complete = whole.require_whole_or_absent(pipeline)
        seen[complete] = seen.get(complete, 0) + 1
        if number % _REPAIR_EVERY == 0:
            finish(start(run_all, pipeline))
            whole.require_all(pipeline, "a run after kills")
    return seen


def pair_campaign(ready: Ready, pairs: int, seed: int) -> None:
    """Let two runs make the same tile at the same time.

    Raises:
        AssertionError: one failed, or the result is not what one run makes.
    """
    rng = random.Random(seed)
    pipeline, whole, seconds = ready
    for _ in range(pairs):
        first = start(run_tile, pipeline)
        time.sleep(rng.uniform(0, seconds))
        finish(first, start(run_tile, pipeline))
        finish(start(run_all, pipeline))
        whole.require_all(pipeline, "a run after two at a time")


def main() -> None:
    """Run both campaigns and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        ready = prepare(Path(name))
        seen = kill_campaign(ready, given.kills, given.seed)
        shown = ", ".join(f"{n} times {count}" for count, n in sorted(seen.items()))
        print(f"{given.kills} kills: complete assets of {len(ASSETS)}: {shown}")
        print("no tile was half there, and every later run repaired it", flush=True)
        pair_campaign(ready, given.pairs, given.seed)
        print(f"{given.pairs} pairs of runs on one tile: the result of one run")


if __name__ == "__main__":
    main()
