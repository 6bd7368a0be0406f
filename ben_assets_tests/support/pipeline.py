"""A small synthetic data set, a data root, and the steps run on them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ben_assets.bigearthnet.tile_list import Tile, find_tile
from ben_assets.safe.manifest import MANIFEST
from ben_assets.steps.archives import make_archives
from ben_assets.steps.card import make_release_card
from ben_assets.steps.dataset import make_aligned_dataset
from ben_assets.steps.l2a import make_l2a_tile
from ben_assets.steps.metadata import make_metadata_table
from ben_assets.steps.patches import make_patches
from ben_assets.steps.reference_maps import make_reference_maps
from ben_assets.steps.release import make_release_archives, make_release_metadata
from ben_assets.steps.release_index import make_release_index
from ben_assets.steps.shards import make_release_shards
from ben_assets.steps.statistics import make_release_statistics
from ben_assets.steps.step_context import StepContext
from ben_assets.steps.training import make_release_lmdb, make_training_lmdb
from ben_assets.synthetic.dataset import SyntheticData
from ben_assets.tiles import load_tiles
from ben_assets_tests.support.programs import Ended, run_module
from resources.data_root.flow import tiles_read_by
from resources.data_root.records import seal_of
from resources.data_root.store import Storage, StoredRecord
from resources.settings import REPOSITORY, Settings

STEPS: dict[str, Callable[[Tile, StepContext], StoredRecord]] = {
    "l2a_tiles": make_l2a_tile,
    "patches": make_patches,
    "reference_maps": make_reference_maps,
    "metadata_tables": make_metadata_table,
    "aligned_dataset": make_aligned_dataset,
    "archives": make_archives,
    "training_lmdb": make_training_lmdb,
}
"""Asset key to its step, in flow order."""

RELEASE_STEPS = {
    "release_metadata": make_release_metadata,
    "release_archives": make_release_archives,
}

TRAINING_STEPS = {
    "release_index": make_release_index,
    "release_lmdb": make_release_lmdb,
    "release_shards": make_release_shards,
    "release_statistics": make_release_statistics,
    "release_card": make_release_card,
}

_NOT_PART_OF_THE_RESULT = (".locks", ".digests")


class Pipeline:
    """A synthetic data set, a data root, and the steps run with them."""

    def __init__(self, synthetic: SyntheticData, root: Path) -> None:
        self.root = root
        self.synthetic = synthetic
        self.data = root / "data"
        self.log: list[str] = []
        self.known: Known | None = None
        self.settings = {**synthetic.settings(), "BEN_DATA_DIR": str(self.data)}

    @property
    def keys(self) -> tuple[str, ...]:
        return self.synthetic.tile_keys

    @property
    def storage(self) -> Storage:
        return Storage(Path(self.settings["BEN_DATA_DIR"]))

    def digests(self, asset: str, key: str) -> dict[str, str]:
        return self.storage.digests(self.storage.require(asset, key))

    def ctx(self) -> StepContext:
        return StepContext.from_settings(Settings(self.settings), self.log.append)

    def tile(self, key: str) -> Tile:
        return find_tile(key, load_tiles(Settings(self.settings)))

    def make(self, asset: str, key: str | None = None) -> StoredRecord:
        if key is None:
            return (RELEASE_STEPS | TRAINING_STEPS)[asset](self.ctx())
        with self.storage.reading(tiles_read_by(asset), key, self.log.append):
            return STEPS[asset](self.tile(key), self.ctx())

    def make_tile(self, key: str, upto: str = "training_lmdb") -> StoredRecord:
        for asset in STEPS:
            record = self.make(asset, key)
            if asset == upto:
                return record
        raise KeyError(upto)

    def make_release(self) -> StoredRecord:
        for asset in RELEASE_STEPS:
            record = self.make(asset)
        return record

    def make_training(self) -> None:
        for asset in TRAINING_STEPS:
            self.make(asset)

    def own_inputs(self, name: str) -> Path:
        """A copy of one folder of inputs that this test may damage, and use it."""
        setting = {
            "L2A": "BEN_L2A_DIR",
            "reference": "BEN_REFERENCE_DIR",
            "S1": "BEN_S1_DIR",
        }[name]
        copy = self.root / name
        link_tree(Path(self.settings[setting]), copy)
        self.settings[setting] = str(copy)
        return copy

    def product(self, key: str) -> Path:
        """The L2A product that this test may corrupt; no manifest vouches for it."""
        folder = Path(self.settings["BEN_L2A_DIR"])
        if folder == self.synthetic.l2a_dir:
            folder = self.own_inputs("L2A")
        acquisition = self.tile(key).product.acquisition
        (found,) = folder.glob(f"*_{acquisition.sensing}_*_T{acquisition.mgrs}_*")
        (found / MANIFEST).unlink(missing_ok=True)
        return found

    def tree(self) -> dict[str, str]:
        """Relative path to content digest of all results, hidden files included."""
        return tree_of(Path(self.settings["BEN_DATA_DIR"]), self.known)

    def run(self, select: str, key: str | None = None, **settings: str) -> Ended:
        """Materialize through Dagster's command line, as users do."""
        words = self.words(select, key)
        return run_module(*words, environment=self.environment(**settings))

    def run_verify(self, key: str, **settings: str) -> Ended:
        """The job of checks alone, as it is called from outside."""
        tags = json.dumps({"dagster/partition": key})
        job = ("-m", "ben_assets.definitions", "-j", "verify", "--tags", tags)
        words = ("dagster", "job", "execute", *job)
        return run_module(*words, environment=self.environment(**settings))

    def evaluations(self) -> dict[tuple[str, str], tuple[bool, str, str]]:
        """(asset, check) to the newest (passed, severity, description) on record."""
        found = {}
        runs = self.root / "dagster_home" / "history" / "runs"
        for path in sorted(runs.glob("*.db"), key=lambda path: path.stat().st_mtime_ns):
            with sqlite3.connect(path) as database:
                try:
                    rows = database.execute("SELECT event FROM event_logs").fetchall()
                except sqlite3.OperationalError:
                    continue
            for (text,) in rows:
                event = json.loads(text).get("dagster_event") or {}
                if event.get("event_type_value") == "ASSET_CHECK_EVALUATION":
                    data = event["event_specific_data"]
                    key = (data["asset_key"]["path"][-1], data["check_name"])
                    found[key] = (
                        data["success"],
                        data["severity"]["__enum__"].split(".")[-1],
                        data.get("description") or "",
                    )
        return found

    @staticmethod
    def words(select: str, key: str | None = None) -> tuple[str, ...]:
        """Module and arguments of Dagster's command line."""
        partition = () if key is None else ("--partition", key)
        selection = ("-m", "ben_assets.definitions", "--select", select)
        return ("dagster", "asset", "materialize", *selection, *partition)

    def environment(self, **settings: str) -> dict[str, str]:
        """Environment of a process that uses this pipeline's settings."""
        home = self.root / "dagster_home"
        home.mkdir(exist_ok=True)
        shutil.copy(REPOSITORY / "dagster.yaml", home)
        return {
            **os.environ,
            **self.settings,
            "DAGSTER_HOME": str(home),
            **settings,
        }


def link_tree(source: Path, target: Path) -> None:
    """A copy whose files share the source's content: replace them, never write."""
    shutil.copytree(source, target, copy_function=os.link, symlinks=True)


def replace_file(path: Path, content: bytes) -> None:
    """Give a file of a linked tree a content of its own."""
    path.unlink()
    path.write_bytes(content)


def flip(path: Path, at: int | None = None) -> None:
    """Change a bit of a file of a linked tree: of the byte ``at``, or in its middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if at is None else at] ^= 1
    replace_file(path, bytes(content))


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text in a file of a linked tree."""
    text = path.read_text()
    assert old in text, f"{old!r} not in {path}"
    replace_file(path, text.replace(old, new).encode())


def edit_record(path: Path, old: str, new: str) -> None:
    """Write a record anew with another text in it, as if it had been made so."""
    text = path.read_text()
    assert old in text, f"{old!r} not in {path}"
    stored = json.loads(text.replace(old, new, 1))
    stored.pop("seal")
    replace_file(path, json.dumps({**stored, "seal": seal_of(stored)}).encode())


Known = dict[tuple[int, ...], str]
"""Digests of files by what changes whenever a file does; for campaigns."""


def tree_of(root: Path, known: Known | None = None) -> dict[str, str]:
    """Relative path to content digest (folders: '') of what is a result below root."""
    return {
        str(path.relative_to(root)): _digest(path, known) if path.is_file() else ""
        for path in sorted(root.rglob("*"))
        if path.relative_to(root).parts[0] not in _NOT_PART_OF_THE_RESULT
        and not (path.name == ".drafts" and not any(path.iterdir()))
    }


def _digest(path: Path, known: Known | None) -> str:
    known, found = {} if known is None else known, path.stat()
    stamp = found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
    if stamp not in known:
        known[stamp] = hashlib.sha256(path.read_bytes()).hexdigest()
    return known[stamp]


@contextlib.contextmanager
def leaves_no_trace(pipeline: Pipeline) -> Iterator[None]:
    """The block must leave the data root as it is; new empty asset folders may stay."""
    before = pipeline.tree()
    yield
    after = pipeline.tree()
    new_folders = {p for p in after.keys() - before.keys() if "/" not in p}
    assert all(after[p] == "" for p in new_folders)
    assert {p: d for p, d in after.items() if p not in new_folders} == before


@contextlib.contextmanager
def mounted_disk(folder: Path) -> Iterator[Callable[[str], Path]]:
    """A function that mounts a memory disk with options such as ``size=1m``."""
    folder.mkdir()

    def mount(options: str) -> Path:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"mounting a memory disk is not permitted: {done.stderr}")
        return folder

    try:
        yield mount
    finally:
        subprocess.run(["umount", str(folder)], capture_output=True, check=False)
