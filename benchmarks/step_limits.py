"""What no version of a step can do without, measured on the results of a tile.

``l2a_tiles`` must read and write the product once; ``patches`` decode twelve bands and
write as many files; ``reference_maps`` burn the polygons once; ``aligned_dataset`` make
its links; ``archives`` compress once; ``release_archives`` hash what is inside and
write the archives.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import zstandard

from ben_assets.bigearthnet.archives import ZSTD_LEVEL
from ben_assets.bigearthnet.bands import BANDS, Band
from ben_assets.bigearthnet.patching import write_file
from ben_assets.bigearthnet.reference_map import (
    prepare_polygons,
    rasterize,
    read_geopackage,
)
from ben_assets.safe.band_rasters import read_band
from ben_assets.safe.l2a import L2AProduct, read_l2a
from ben_assets.steps.step_context import cpu_count
from ben_assets.synthetic.dataset import SyntheticData
from ben_assets.synthetic.land import GEOPACKAGE
from resources.data_root.files import flush_file_system

Row = dict[str, Any]


def decode(product: L2AProduct) -> None:
    """Decode a product's bands, as many at a time as there are cores."""
    with ThreadPoolExecutor(cpu_count()) as pool:
        for _ in pool.map(lambda band: len(read_band(product, band)), BANDS):
            pass


def write_alike(patches: Path, target: Path) -> list[int]:
    """Write as many files of the same sizes as there are of patches, and flush them.

    Args:
        patches: the folder of a tile's patches.
        target: takes the files.

    Returns:
        Sizes of the files.
    """
    sizes = {path.stem: path.stat().st_size for path in patches.glob("*/*.tif")}
    for patch in {name.rpartition("_")[0] for name in sizes}:
        (target / patch).mkdir(parents=True)
    with ThreadPoolExecutor(cpu_count()) as pool:
        list(pool.map(lambda band: _write(target, sizes, band), BANDS))
    flush_file_system(target)
    return list(sizes.values())


def _write(target: Path, sizes: dict[str, int], band: Band) -> None:
    for name, size in sizes.items():
        if name.endswith(band.name):
            write_file(target / name[:-4] / f"{name}.tif", bytes(size))


def _product(data: Path) -> L2AProduct:
    (folder,) = (data / "l2a_tiles").glob("*.SAFE")
    return read_l2a(folder)


def _copy(data: Path, made: SyntheticData) -> None:
    (source,) = made.l2a_dir.glob("*.SAFE")
    shutil.copytree(source, _target(data) / "product")
    flush_file_system(data)


def _decode(data: Path, made: SyntheticData) -> None:
    decode(_product(data))


def _write_patches(data: Path, made: SyntheticData) -> None:
    folder = data / "patches" / _product(data).name.stem
    write_alike(folder, _target(data) / "patches")


def _burn(data: Path, made: SyntheticData) -> None:
    grid = _product(data).geocoding
    source = made.reference_dir / GEOPACKAGE
    rasterize(prepare_polygons(read_geopackage(source, grid), grid, GEOPACKAGE), grid)


def _link(data: Path, made: SyntheticData) -> None:
    target = _target(data) / "dataset"
    for folder in (data / "aligned_dataset").glob("BigEarthNet-*/*/*"):
        place = target / folder.parent.name / folder.name
        place.mkdir(parents=True, exist_ok=True)
        for entry in os.scandir(folder):
            os.link(entry.path, f"{place}/{entry.name}")
    flush_file_system(target)


def _compress(data: Path, made: SyntheticData) -> None:
    compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL, threads=cpu_count())
    target = (_target(data) / "tile.zst").open("wb")
    with target, compressor.stream_writer(target) as stream:
        for content in _contents(data):
            stream.write(content)


def _join(data: Path, made: SyntheticData) -> None:
    """Hash what the archives hold, and write them again, side by side."""
    with ThreadPoolExecutor(2) as pool:
        digest, archives = hashlib.sha256(), (data / "archives").glob("*/*.tar.zst")
        hashing = pool.submit(lambda: [digest.update(c) for c in _contents(data)])
        for archive in archives:
            shutil.copy(archive, _target(data))
        hashing.result()
    flush_file_system(data)


def _contents(data: Path) -> Iterator[bytes]:
    for path in sorted((data / "aligned_dataset").glob("BigEarthNet-*/*/*/*.tif")):
        yield path.read_bytes()


def _target(data: Path) -> Path:
    folder = data.with_name(f"{data.name}-limits")
    folder.mkdir(exist_ok=True)
    return folder


def measure(data: Path, made: SyntheticData) -> dict[str, Row]:
    """Asset key to seconds and CPU of its limit; ``DECODE`` is a part of ``patches``.

    Args:
        data: data root with the tile and the release.
        made: their inputs.
    """
    rows = {name: _timed(action, data, made) for name, action in _LIMITS.items()}
    decoded, written = rows[DECODE], rows.pop(_WRITE)
    rows["patches"] = {name: decoded[name] + written[name] for name in decoded}
    return rows


def _timed(
    action: Callable[[Path, SyntheticData], None], data: Path, made: SyntheticData
) -> Row:
    started, cpu = time.perf_counter(), time.process_time()
    action(data, made)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "cpu": time.process_time() - cpu}


DECODE: Final = "decode"
_WRITE: Final = "write"
_LIMITS: Final = {
    "l2a_tiles": _copy,
    DECODE: _decode,
    _WRITE: _write_patches,
    "reference_maps": _burn,
    "aligned_dataset": _link,
    "archives": _compress,
    "release_archives": _join,
}
