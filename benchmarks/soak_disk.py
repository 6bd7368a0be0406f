"""A disk that is full at forty levels, for every asset, with an older result or none.

``python -m benchmarks.soak_disk [--levels 40] [--minutes 30]``. The data root lies on a
memory disk (tmpfs; needs the right to mount) whose size, or number of files, grows
level by level. Each end is "the disk is full" and leaves neither a draft nor space in
use; what is there is whole; with space, a plain run makes the bytes of a quiet one.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.errors import LocalResourceError
from ben_assets.synthetic.dataset import SyntheticData
from ben_assets.synthetic.tiles import DEMO_TILES
from ben_assets_tests.support.pipeline import (
    RELEASE_STEPS,
    STEPS,
    TRAINING_STEPS,
    Pipeline,
)
from benchmarks.soak_main_job import finish, make_data_set, start
from benchmarks.whole_tiles import WholeTiles, make_all

KEY: Final = DEMO_TILES[0].key
ASSETS: Final = (*STEPS, *RELEASE_STEPS, *TRAINING_STEPS)
_LARGE: Final = "size=1g,nr_inodes=200000"
_STORE_BYTES: Final = 1 << 16
"""What lock files and folders may take beside the results."""


@dataclass(frozen=True)
class Kind:
    """What there is not enough of."""

    name: str
    """In words."""
    option: str
    """Option of tmpfs."""
    used: Callable[[os.statvfs_result], int]
    """How much of it is in use."""
    least: int
    """What the data root takes with no tile in it."""


KINDS: Final = (
    Kind("bytes", "size", lambda s: (s.f_blocks - s.f_bfree) * s.f_frsize, 1 << 17),
    Kind("files", "nr_inodes", lambda s: s.f_files - s.f_ffree, 40),
)


@dataclass
class Disk:
    """A memory disk, and the pipeline whose results lie on it."""

    path: Path
    """Where it is mounted."""
    pipeline: Pipeline
    """Writes below ``path``."""
    whole: WholeTiles
    """What it makes where there is space."""
    seen: Counter[str] = field(default_factory=Counter)
    """Ends of steps."""

    def used(self, kind: Kind) -> int:
        """How much is in use."""
        return kind.used(os.statvfs(self.path))

    def limit(self, options: str) -> None:
        """Give the disk another size."""
        command = ["mount", "-o", f"remount,{options}", str(self.path)]
        subprocess.run(command, check=True)

    def make(self, asset: str, kind: Kind) -> bool:
        """Run one step; False where the disk was full.

        Raises:
            AssertionError: it ended otherwise, left a trace, or half a tile.
        """
        before, was = self.pipeline.tree(), self.used(kind)
        try:
            self.pipeline.make(asset, KEY if asset in STEPS else None)
        except LocalResourceError:
            self.seen["named"] += 1
            assert _results(self.pipeline.tree()) == _results(before), f"{asset}: trace"
            spare = _STORE_BYTES if kind.option == "size" else kind.least
            assert self.used(kind) <= was + spare, f"{asset}: space stays in use"
            return False
        except Exception as error:
            raise AssertionError(f"{asset}: {type(error).__name__}: {error}") from error
        self.whole.require_whole_or_absent(self.pipeline)
        self.seen["made"] += 1
        return True


def _results(tree: dict[str, str]) -> dict[str, str]:
    """All but the folders of assets, which may be there without a tile."""
    return {path: digest for path, digest in tree.items() if "/" in path}


def growing(disk: Disk, kind: Kind, levels: int, needed: int) -> int:
    """Make everything on a disk that grows whenever it is full.

    Returns:
        At how many levels it was full.
    """
    step = max(1, (needed - kind.least) // levels)
    n_full, todo = 0, list(ASSETS)
    _empty(disk)
    while todo:
        disk.limit(f"{_LARGE},{kind.option}={kind.least + n_full * step}")
        while todo and disk.make(todo[0], kind):
            del todo[0]
        n_full += bool(todo)
        assert n_full <= 4 * levels, f"{todo[0]} is never made"
    disk.whole.require_all(disk.pipeline, f"a disk short of {kind.name}")
    return n_full


def _empty(disk: Disk) -> None:
    disk.limit(_LARGE)
    for path in disk.path.iterdir():
        subprocess.run(["rm", "-rf", str(path)], check=True)


def replacing(disk: Disk, kind: Kind, levels: int, end: float) -> int:
    """Make each asset over its older result, with a little more space each time.

    Returns:
        At how many levels it was full.
    """
    disk.limit(_LARGE)
    n_full = 0
    for asset in ASSETS:
        was = disk.used(kind)
        needed = _needed(disk, asset, kind)
        for level in range(levels):
            if time.monotonic() > end:
                break
            free = needed * level // levels
            disk.limit(f"{_LARGE},{kind.option}={was + free}")
            n_full += not disk.make(asset, kind)
        disk.limit(_LARGE)
        assert disk.make(asset, kind), f"{asset}: full with space"
    disk.whole.require_all(disk.pipeline, f"a disk short of {kind.name}")
    return n_full


def _needed(disk: Disk, asset: str, kind: Kind) -> int:
    """About what a draft of the asset takes."""
    folder = disk.pipeline.storage.folder(asset)
    paths = list(folder.rglob("*"))
    if kind.option == "nr_inodes":
        return len(paths) + 10
    return sum(-(-path.lstat().st_size // 4096) * 4096 for path in paths) + (1 << 16)


@contextlib.contextmanager
def mounted(path: Path) -> Iterator[bool]:
    """A memory disk at a folder; False where this user may not mount one."""
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", _LARGE, "tmpfs", str(path)]
    is_there = subprocess.run(command, check=False, capture_output=True).returncode == 0
    try:
        yield is_there
    finally:
        if is_there:
            subprocess.run(["umount", str(path)], check=False)


def campaign(folder: Path, path: Path, levels: int, seconds: float) -> Iterator[str]:
    """Every asset on a disk that is too small; what was seen.

    Raises:
        AssertionError: half a tile, a trace, an unnamed error, or other bytes later.
    """
    finish(start(make_data_set, folder))
    pipeline = Pipeline(SyntheticData(folder / "synthetic", (KEY,)), folder)
    pipeline.data, pipeline.known = path / "data", {}
    pipeline.settings |= {"BEN_DATA_DIR": str(pipeline.data), "BEN_FORCE": "1"}
    make_all(pipeline)
    disk = Disk(path, pipeline, WholeTiles.of(pipeline))
    needed = {kind.name: disk.used(kind) for kind in KINDS}
    end = time.monotonic() + seconds
    for kind in KINDS:
        n_full = growing(disk, kind, levels, needed[kind.name])
        yield f"soak, disk: too few {kind.name} at {n_full} levels, from nothing"
        n_full = replacing(disk, kind, levels, end)
        yield f"soak, disk: too few {kind.name} at {n_full} levels, over older results"
    yield (
        f"soak, disk: {dict(disk.seen)}; each named, no trace, no space kept; the "
        "bytes of a quiet run afterwards"
    )


def main() -> int:
    """Run the campaign and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--levels", type=int, default=40)
    parser.add_argument("--minutes", type=float, default=30)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, path = Path(name), Path(name) / "disk"
        with mounted(path) as is_there:
            if not is_there:
                print("not run, as this user may not mount a memory disk")
                return 0
            for line in campaign(folder, path, given.levels, given.minutes * 60):
                print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
