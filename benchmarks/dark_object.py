"""Time and memory of the embedded L2A processor on a full-size product.

``python -m benchmarks.dark_object [--side-m 109800] [--threads 2] [--folder F]``

Beside it, in the same run and with the same threads: decoding the 13 bands of its input
and encoding the images of its output, which no processor can do without. Each is
measured in a process of its own. The product is made by code, with the texture of land.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio

from ben_assets.bigearthnet.bands import L1C_BANDS
from ben_assets.bigearthnet.patch_grid import FULL_TILE_SIDE_M, TileGeocoding
from ben_assets.bigearthnet.product_names import ProductName
from ben_assets.safe.band_rasters import read_band
from ben_assets.safe.l1c import read_l1c
from ben_assets.synthetic.safe_description import ProductDescription
from ben_assets.synthetic.safe_writer import LOSSLESS_JP2, write_l1c_product
from resources.sen2cor.dark_object import DarkObject
from resources.settings import REPOSITORY

GOAL_RATIO: Final = 1.5
"""At most so many times as long as decoding the input and encoding the output."""

GOAL_BYTES: Final = 4 << 30
"""Less memory than this."""

_NAME: Final = "S2A_MSIL1C_20170613T101031_N0205_R022_T33UUP_20170613T101608"
_SEED: Final = 1
_BLOCK_M: Final = 600


def main() -> int:
    """Measure, and print a small table; 1 if a goal is missed."""
    options = _parser().parse_args()
    if options.measure:
        print(json.dumps(_MEASURES[options.measure](options)))
        return 0
    parent = options.folder or REPOSITORY / ".bench"
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        make_l1c(Path(folder), options.side_m, options.threads)
        rows = {name: _in_own_process(name, folder, options) for name in _MEASURES}
    return _report(rows, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.dark_object")
    parser.add_argument("--side-m", type=int, default=FULL_TILE_SIDE_M)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--measure", choices=list(_MEASURES), help=argparse.SUPPRESS)
    return parser


def make_l1c(folder: Path, side_m: int, threads: int) -> Path:
    """Write an L1C product with the texture of land into ``folder``."""
    description = ProductDescription(
        name=ProductName.parse(_NAME),
        start_time=datetime(2017, 6, 13, 10, 10, 31, 26000, tzinfo=UTC),
        geocoding=TileGeocoding(32633, 300_000, 5_400_000, side_m),
    )
    bands = {band.name: land(side_m // band.gsd_m, band.gsd_m) for band in L1C_BANDS}
    return write_l1c_product(folder, description, bands, threads=threads)


def land(pixels: int, gsd_m: int) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """Fields of 600 m with noise of 20 DN, shape (pixels, pixels)."""
    random = np.random.default_rng(_SEED)
    fields = -(-pixels * gsd_m // _BLOCK_M)
    means = random.integers(300, 4000, (fields, fields), dtype=np.uint16)
    at = np.arange(pixels) * gsd_m // _BLOCK_M
    scene = means[at][:, at]
    for row in scene:
        row += random.normal(60, 20, pixels).clip(0, 200).astype(np.uint16)
    return scene


def _in_own_process(
    name: str, folder: str, options: argparse.Namespace
) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.dark_object", "--measure", name]
    command += ["--folder", folder, "--threads", str(options.threads)]
    ended = subprocess.run(
        command, cwd=REPOSITORY, check=True, stdout=subprocess.PIPE, text=True
    )
    result: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return result


def _process(options: argparse.Namespace) -> dict[str, float]:
    """The processor itself."""
    target = options.folder / "l2a"
    target.mkdir()
    watch = _Watch()
    l1c = next(options.folder.glob("*.SAFE"))
    with watch:
        DarkObject(options.threads).process(l1c, target, lambda line: None)
    return watch.result()


def _decode(options: argparse.Namespace) -> dict[str, float]:
    """All 13 bands of the input."""
    l1c = read_l1c(next(options.folder.glob("*.SAFE")))
    watch = _Watch()
    with (
        watch,
        rasterio.Env(GDAL_NUM_THREADS="1"),
        ThreadPoolExecutor(options.threads) as pool,
    ):
        for _ in pool.map(lambda band: read_band(l1c, band).size, L1C_BANDS):
            pass
    return watch.result()


def _encode(options: argparse.Namespace) -> dict[str, float]:
    """All images of the output, again."""
    watch = _Watch()
    for path in sorted((options.folder / "l2a").glob("*.SAFE/GRANULE/**/*.jp2")):
        with rasterio.open(path) as raster:
            pixels, profile = raster.read(), raster.profile
        kept = ("count", "height", "width", "dtype", "crs", "transform")
        wanted = {**LOSSLESS_JP2, **{name: profile[name] for name in kept}}
        with (
            watch,
            rasterio.Env(GDAL_NUM_THREADS=str(options.threads)),
            rasterio.open(options.folder / "again.jp2", "w", **wanted) as raster,
        ):
            raster.write(pixels)
    return watch.result()


class _Watch:
    """Adds up the wall and processor time of what it is put around."""

    def __init__(self) -> None:
        self._wall = self._cpu = 0.0

    def __enter__(self) -> None:
        self._wall -= time.monotonic()
        self._cpu -= time.process_time()

    def __exit__(self, *_: object) -> None:
        self._wall += time.monotonic()
        self._cpu += time.process_time()

    def result(self) -> dict[str, float]:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return {"seconds": self._wall, "cpu": self._cpu, "bytes": peak}


_MEASURES: Final = {"process": _process, "decode": _decode, "encode": _encode}
_TITLES: Final = {
    "process": "dark-object, L1C to L2A",
    "decode": "decode the 13 bands of its input",
    "encode": "encode the images of its output",
}


def _report(rows: dict[str, dict[str, float]], options: argparse.Namespace) -> int:
    print(f"tile of {options.side_m / 1000:g} km, {options.threads} threads")
    for name, row in rows.items():
        print(
            f"  {_TITLES[name]:34} {row['seconds']:7.1f} s {row['cpu']:7.1f} CPU s "
            f"{row['bytes'] / (1 << 30):5.2f} GiB"
        )
    wall, cpu = (
        rows["process"][unit] / (rows["decode"][unit] + rows["encode"][unit])
        for unit in ("seconds", "cpu")
    )
    print(
        f"  {wall:.2f} times decoding and encoding (goal: at most {GOAL_RATIO}; by "
        f"processor time {cpu:.2f}), {rows['process']['bytes'] / (1 << 30):.2f} GiB "
        "(goal: under 4)"
    )
    return int(wall > GOAL_RATIO or rows["process"]["bytes"] >= GOAL_BYTES)


if __name__ == "__main__":
    sys.exit(main())
