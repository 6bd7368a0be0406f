"""A disk that is full or read-only: a clear error, and what was there stays."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import struct
import subprocess

import pytest

from ben_assets.bigearthnet.errors import FailureClass, LocalResourceError
from ben_assets.synthetic.tiles import DEMO_TILES
from ben_assets_tests.support.pipeline import RELEASE_STEPS, STEPS, leaves_no_trace

KEY = DEMO_TILES[0].key
ASSETS = [*STEPS, *RELEASE_STEPS]
_CAPABILITY_VERSION_3 = 0x20080522
_OVERRIDE_PERMISSIONS = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


@contextlib.contextmanager
def held_to_permissions():
    """Root too is bound by permissions here, in this thread; it stays the owner."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = ctypes.create_string_buffer(struct.pack("<Ii", _CAPABILITY_VERSION_3, 0))
    before = ctypes.create_string_buffer(24)
    assert libc.capget(header, before) == 0
    effective, *rest = struct.unpack("<6I", before.raw)
    less = struct.pack("<6I", effective & ~_OVERRIDE_PERMISSIONS, *rest)
    assert libc.capset(header, less) == 0
    try:
        yield
    finally:
        assert libc.capset(header, before) == 0


def move_to(pipeline, disk):
    """Put the results on another disk."""
    shutil.copytree(pipeline.data, disk / "data")
    pipeline.settings["BEN_DATA_DIR"] = str(disk / "data")
    pipeline.settings["BEN_FORCE"] = "1"


def make(pipeline, asset):
    return pipeline.make(asset, KEY if asset in STEPS else None)


def fill(disk, free_bytes: int) -> None:
    state = os.statvfs(disk)
    with (disk / "filler").open("wb") as file:
        os.posix_fallocate(
            file.fileno(), 0, state.f_bavail * state.f_bsize - free_bytes
        )


@pytest.mark.parametrize("asset", ASSETS)
@pytest.mark.parametrize("free_bytes", [4_096, 49_152])
def test_a_full_disk_leaves_the_older_result_as_it_was(
    finished, small_disk, asset, free_bytes
):
    disk = small_disk("size=128m")
    move_to(finished, disk)
    fill(disk, free_bytes)
    with leaves_no_trace(finished):
        try:
            make(finished, asset)
        except LocalResourceError as error:
            assert "the disk is full" in str(error) or "No space left" in str(error)  # noqa: PT017
            assert not error.is_retryable  # noqa: PT017
        else:
            assert asset in {"metadata_tables", "release_metadata"}, "it fitted"
    (disk / "filler").unlink()
    before = finished.tree()
    make(finished, asset)
    assert finished.tree() == before


@pytest.mark.parametrize("asset", ASSETS)
def test_a_read_only_disk_is_named(finished, small_disk, asset):
    disk = small_disk("size=128m")
    move_to(finished, disk)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    with (
        leaves_no_trace(finished),
        pytest.raises(LocalResourceError, match=r"read-only; choose another BEN_DATA"),
    ):
        make(finished, asset)


def test_a_file_in_the_place_of_the_data_root_is_named(pipeline):
    pipeline.data.write_text("not a folder")
    with pytest.raises(LocalResourceError, match=r"a file is in the place of a folder"):
        pipeline.make("l2a_tiles", KEY)
    assert pipeline.data.read_text() == "not a folder"


def test_a_folder_without_permission_is_named(pipeline):
    pipeline.data.mkdir(mode=0o555)
    with (
        held_to_permissions(),
        pytest.raises(LocalResourceError, match=r"denied; make the folder") as e,
    ):
        pipeline.make("l2a_tiles", KEY)
    assert e.value.failure_class is FailureClass.LOCAL_RESOURCE
    assert list(pipeline.data.iterdir()) == []
