"""Random patches from LMDB, shards and GeoTIFF; writing and merging databases.

``python -m benchmarks.training [--side-m 109800] [--patches 1000]``

One synthetic tile, one run, warm cache: each patch is twelve bands and, where there are
any, two polarizations, as arrays. The goals are ratios of times on the same machine;
CPU seconds stand beside, as they vary less where others work on it too.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tarfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.parquet as pq
import rasterio
from safetensors.numpy import load

from ben_assets.bigearthnet.bands import BANDS
from ben_assets.bigearthnet.dataset_layout import S1_BANDS, path_of
from ben_assets.bigearthnet.patch_grid import FULL_TILE_SIDE_M
from ben_assets.steps.step_context import cpu_count
from ben_assets.synthetic.dataset import make_synthetic_data
from ben_assets.synthetic.tiles import DEMO_TILES
from ben_assets.training.index import INDEX_FILE
from ben_assets.training.patch_database import PatchDatabase
from ben_assets_tests.support.pipeline import Pipeline
from resources.settings import REPOSITORY

GOAL_LMDB: Final = 100
"""Times faster than GeoTIFF."""
GOAL_SHARDS: Final = 20
"""Times faster than GeoTIFF."""
GOAL_WRITING: Final = 1.5
"""Times of reading the GeoTIFFs once with the same threads, at most."""
GOAL_MERGING: Final = 200.0
"""MB a second, at least."""


@dataclass(frozen=True)
class Spent:
    """What a piece of work took."""

    seconds: float
    """By the clock."""
    cpu_seconds: float
    """Of all threads."""

    def __str__(self) -> str:
        """Both, for the table."""
        return f"{self.seconds:.2f} s ({self.cpu_seconds:.2f} s of CPU)"


@dataclass(frozen=True)
class Patch:
    """What is read of one patch."""

    patch_id: str
    """Sentinel-2 patch."""
    s1_name: str | None
    """Its Sentinel-1 patch."""

    @property
    def names(self) -> list[str]:
        """Names of its GeoTIFFs."""
        names = [f"{self.patch_id}_{band.name}" for band in BANDS]
        s1_bands = S1_BANDS if self.s1_name else ()
        return names + [f"{self.s1_name}_{band}" for band in s1_bands]


def main() -> int:
    """Measure and print the table; 1 if a goal is missed."""
    parser = argparse.ArgumentParser("python -m benchmarks.training")
    parser.add_argument("--folder", type=Path, default=REPOSITORY / ".bench/training")
    parser.add_argument("--side-m", type=int, default=FULL_TILE_SIDE_M)
    parser.add_argument("--patches", type=int, default=1000)
    given = parser.parse_args()
    shutil.rmtree(given.folder, ignore_errors=True)
    pipeline = _make_tile(given.folder.resolve(), given.side_m)
    goals = [*_writing(pipeline), *_reading(pipeline, given.patches)]
    return 0 if all(goals) else 1


def _make_tile(folder: Path, side_m: int) -> Pipeline:
    print(f"generating a tile of {side_m} m and its data set ...", flush=True)
    inputs = make_synthetic_data(
        folder / "inputs", side_m=side_m, tiles=DEMO_TILES[:1], l1c=False
    )
    pipeline = Pipeline(inputs, folder)
    pipeline.make_tile(pipeline.keys[0], upto="aligned_dataset")
    return pipeline


def _writing(pipeline: Pipeline) -> list[bool]:
    """Rows of ``training_lmdb`` and ``release_lmdb``; whether they reach the goals."""
    (key,) = pipeline.keys
    root = pipeline.storage.folder("aligned_dataset")
    names = pipeline.digests("aligned_dataset", key)
    paths = [root / path_of(name) for name in names]
    with ThreadPoolExecutor(cpu_count()) as pool:
        reading = _spent(lambda: list(pool.map(_read_tiff, paths)))
    writing = _spent(lambda: pipeline.make("training_lmdb", key))
    merging = _spent(lambda: pipeline.make("release_lmdb"))
    megabytes = pipeline.storage.require("training_lmdb", key).bytes / 1e6
    times = writing.seconds / reading.seconds
    cpu_times = writing.cpu_seconds / reading.cpu_seconds
    rate, cpu_rate = megabytes / merging.seconds, megabytes / merging.cpu_seconds
    print(f"{len(paths)} GeoTIFFs read once, {cpu_count()} threads: {reading}")
    print(f"training_lmdb, {megabytes:.0f} MB: {writing}, {times:.2f} times")
    print(f"  of CPU: {cpu_times:.2f} times")
    print(f"release_lmdb: {merging}, {rate:.0f} MB/s, digests checked")
    print(f"  {cpu_rate:.0f} MB a CPU second")
    return [times <= GOAL_WRITING, rate >= GOAL_MERGING]


def _reading(pipeline: Pipeline, n_patches: int) -> list[bool]:
    """Rows of random patches; whether they reach the goals."""
    for asset in ("release_index", "release_shards"):
        pipeline.make(asset)
    index = pq.read_table(pipeline.storage.folder("release_index") / INDEX_FILE)
    rows = index.select(["patch_id", "s1_name"]).to_pylist()
    patches = [Patch(**row) for row in rows]
    chosen = random.Random(1).sample(patches, min(n_patches, len(patches)))
    root = pipeline.storage.folder("aligned_dataset")
    tiff = _cpu_ms(lambda: [_from_tiffs(root, patch) for patch in chosen], len(chosen))
    folder = pipeline.storage.folder("release_lmdb") / "BigEarthNet.lmdb"
    with PatchDatabase(folder) as database:  # open all the time, as training has it
        lmdb = _cpu_ms(lambda: _from_database(database, chosen), len(chosen))
    tars = sorted(pipeline.storage.folder("release_shards").glob("*.tar"))
    n_read = sum(_from_shard(path) for path in tars)
    shards = _cpu_ms(lambda: [_from_shard(path) for path in tars], n_read)
    print(
        f"{len(chosen)} random patches, CPU ms a patch; shards: all {n_read} in order"
    )
    for name, spent in (("GeoTIFF", tiff), ("LMDB", lmdb), ("shards", shards)):
        print(f"{name:8} {spent:8.3f} ms  {tiff / spent:6.1f} times GeoTIFF's speed")
    return [tiff / lmdb >= GOAL_LMDB, tiff / shards >= GOAL_SHARDS]


def _spent(work: Callable[[], object]) -> Spent:
    started, cpu_started = time.perf_counter(), time.process_time()
    work()
    return Spent(time.perf_counter() - started, time.process_time() - cpu_started)


def _cpu_ms(work: Callable[[], object], n_patches: int) -> float:
    """CPU time of a patch when the files are cached; the better of two goes."""
    work()
    spent = min(_spent(work).cpu_seconds for _ in range(2))
    return spent * 1000 / max(n_patches, 1)


def _read_tiff(path: Path) -> np.ndarray:
    with rasterio.open(path) as raster:
        return raster.read(1)


def _from_tiffs(root: Path, patch: Patch) -> list[np.ndarray]:
    return [_read_tiff(root / path_of(name)) for name in patch.names]


def _from_database(database: PatchDatabase, patches: Sequence[Patch]) -> None:
    for patch in patches:
        load(database.get(patch.patch_id))
        if patch.s1_name:
            load(database.get(patch.s1_name))


def _from_shard(path: Path) -> int:
    """Read a shard from its start, as training does; returns the number of patches."""
    count = 0
    with tarfile.open(path, "r:") as tar:
        for info in tar:
            if info.name.endswith((".s1.safetensors", ".s2.safetensors")):
                file = tar.extractfile(info)
                load(file.read() if file else b"")
                count += info.name.endswith(".s2.safetensors")
    return count


if __name__ == "__main__":
    sys.exit(main())
