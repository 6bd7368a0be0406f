"""SIGKILL while a result for training takes the place of an older one."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from ben_assets.steps.shards import make_subset
from ben_assets.training.subsets import Selection
from ben_assets_tests.support.pipeline import TRAINING_STEPS, Pipeline, tree_of
from ben_assets_tests.support.programs import FORKS
from ben_assets_tests.support.removal import remove_tile
from resources.data_root import store as storage_module
from resources.data_root.tile_files import verify_tile

SUBSET = "subsets/mini"
ASSETS = ("training_lmdb", *TRAINING_STEPS, SUBSET)
MOMENTS = {
    "the draft is full": True,
    "the old record is gone": False,
    "the new files are in place": False,
    "the new record is in place": True,
}
"""Moment to whether a record is there then, in the order of a publication."""


def make(pipeline: Pipeline, asset: str) -> None:
    """What a plain run of the asset does, of one tile or of all."""
    if asset == SUBSET:
        chosen = Selection("split = 'test'", share=0.5)
        make_subset(pipeline.ctx(), "mini", chosen, has_lmdb=True, has_shards=True)
    else:
        pipeline.make(asset, pipeline.keys[0] if asset == "training_lmdb" else None)


def moment_of(event: str, names: tuple[object, ...], record: str) -> str:
    """What is true before this change to the file system; '' if none of the moments."""
    if event == "os.remove" and is_journal(str(names[0])):
        return "the new record is in place"
    if event != "os.rename":
        return ""
    source, target = str(names[0]), str(names[1])
    if is_journal(target):
        return "the draft is full"
    if target == record:
        return "the new files are in place"
    is_put_away = "/.old/" in target and source != record
    return "the old record is gone" if is_put_away else ""


def is_journal(name: str) -> bool:
    """Of the publication under way, not one that a killed run left."""
    return name.endswith(".journal") and Path(name).parent.name == ".drafts"


def make_until(moment: str, record: str, pipeline: Pipeline, asset: str) -> None:
    """Run, and die by SIGKILL at a moment."""

    def hook(event: str, names: tuple[object, ...]) -> None:
        if moment_of(event, names, record) == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    storage_module.flush_file_system = lambda path: None
    sys.addaudithook(hook)
    make(pipeline, asset)


def join_until(archive: str, pipeline: Pipeline) -> None:
    """Make the release archives, and die by SIGKILL when this one is to be joined."""

    def hook(event: str, names: tuple[object, ...]) -> None:
        if event == "open" and str(names[0]) == archive:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    pipeline.make("release_archives")


@pytest.mark.parametrize("is_first", [True, False], ids=["first", "again"])
def test_archives_killed_while_they_are_joined_are_those_before(finished, is_first):
    """One tile's frame of S2 is in place then, the next one's not."""
    storage, key = finished.storage, max(finished.keys)
    folder, whole = storage.folder("release_archives"), finished.tree()
    if is_first:
        remove_tile(storage, "release_archives", "release")
    before = tree_of(folder)
    archive = storage.folder("archives") / key / "S2.tar.zst"
    run = FORKS.Process(target=join_until, args=(str(archive), finished))
    run.start()
    run.join(100)
    assert run.exitcode == -signal.SIGKILL
    (draft,) = (folder / ".drafts").glob("release-*")
    assert (draft / "BigEarthNet-S2.tar.zst").is_file()
    found = tree_of(folder)
    assert {n: d for n, d in found.items() if not n.startswith(".drafts")} == before
    finished.make("release_archives")
    assert finished.tree() == whole


@pytest.mark.parametrize("asset", ASSETS)
def test_a_killed_run_leaves_all_or_nothing_and_the_next_one_repairs(
    trained, asset, monkeypatch
):
    """Each run starts on what the one before it left; none runs in between."""
    monkeypatch.setattr(storage_module, "flush_file_system", lambda path: None)
    tile = trained.keys[0] if asset == "training_lmdb" else "release"
    make(trained, asset)
    folder, storage = trained.storage.folder(asset), trained.storage
    whole, record = tree_of(folder), storage.record_path(asset, tile)
    for moment, has_record in MOMENTS.items():
        job = (moment, str(record), trained, asset)
        run = FORKS.Process(target=make_until, args=job)
        run.start()
        run.join(100)
        assert run.exitcode == -signal.SIGKILL, moment
        assert record.exists() == has_record, moment
        if has_record:
            assert verify_tile(storage, asset, tile, deep=True) == [], moment
        else:
            assert tile in storage.unfinished(asset), moment
    make(trained, asset)
    assert tree_of(folder) == whole
