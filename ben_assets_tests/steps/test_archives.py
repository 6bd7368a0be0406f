"""Archives of tiles and what a release takes over from them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from ben_assets.bigearthnet.archives import StoredFrame, pack
from ben_assets.bigearthnet.dataset_layout import ARCHIVE_OF_ROOT, path_of
from ben_assets.bigearthnet.errors import ChecksumMismatch, InvalidInput
from ben_assets.bigearthnet.recipe import DEFAULT, load_recipe
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.steps.archives import below_root, make_archives, runs_of_release
from ben_assets.steps.step_context import StepContext
from ben_assets_tests.support.facts import facts_of
from ben_assets_tests.support.pipeline import edit_record, replace_file
from ben_assets_tests.support.removal import remove_tile
from resources.data_root.records import Record, seal_of
from resources.settings import Settings

ACQUISITION = "S1A_IW_GRDH_1SDV_20170613T165043"
LATER = "S1A_IW_GRDH_1SDV_20170613T165108"
TWO_DATES = {
    Tile("S2A_MSIL1C_20170613T101031_N0205_R022_T33UUP_20170613T101608"): (
        f"{ACQUISITION}_33UUP_1_1",
        f"{ACQUISITION}_33UUP_1_3",
        f"{LATER}_33UUP_2_2",
    ),
    Tile("S2A_MSIL1C_20170616T102021_N0205_R065_T33UUP_20170616T102331"): (
        f"{ACQUISITION}_33UUP_1_2",
    ),
    Tile("S2A_MSIL1C_20170613T101031_N0205_R022_T33UVP_20170613T101608"): (
        f"{ACQUISITION}_33UVP_1_1",
    ),
}
"""Tile to its Sentinel-1 patches: two dates of a place share an acquisition."""


@pytest.fixture
def ctx(tmp_path: Path) -> StepContext:
    settings = Settings({"BEN_DATA_DIR": str(tmp_path / "data")})
    return StepContext.from_settings(settings, lambda line: None)


@pytest.fixture
def two_dates(ctx: StepContext) -> StepContext:
    """A data set of three tiles, with archives."""
    for tile, s1_names in TWO_DATES.items():
        place(ctx, tile, s1_names)
        make_archives(tile, ctx)
    return ctx


def place(ctx: StepContext, tile: Tile, s1_names: tuple[str, ...]) -> None:
    """Put small files into the aligned data set, as if they were a tile's patches."""
    satellite, _, time, _, orbit, mgrs, _ = tile.name.split("_")
    patch = f"{satellite}_MSIL2A_{time}_N9999_{orbit}_{mgrs}_5_7"
    names = [f"{patch}_{suffix}" for suffix in ("B02", "B8A", "reference_map")]
    names += [f"{name}_{band}" for name in s1_names for band in ("VV", "VH")]
    contents = {name: f"{name} of {tile.key}".encode() * 99 for name in names}
    with ctx.storage.draft("aligned_dataset", tile.key) as draft:
        for name, content in contents.items():
            (draft.path / path_of(name)).parent.mkdir(parents=True, exist_ok=True)
            (draft.path / path_of(name)).write_bytes(content)
        record = Record(
            asset="aligned_dataset",
            tile=tile.key,
            digests={n: hashlib.sha256(c).hexdigest() for n, c in contents.items()},
            bytes=1,
            outputs=tuple(path_of(name) for name in names),
            facts=facts_of(
                "aligned_dataset", recipe_sha256=load_recipe(DEFAULT).sha256
            ),
        )
        draft.publish(record)


def released(ctx: StepContext, folder: Path) -> tuple[dict[str, bool], dict[str, str]]:
    """Run to whether its frame is taken over, and archive to its digest."""
    storage, digests = ctx.storage, {}
    records = [storage.require("aligned_dataset", tile.key) for tile in TWO_DATES]
    runs = runs_of_release(storage, records)
    for root in ARCHIVE_OF_ROOT:
        target = folder / f"{root}.tar.zst"
        digests[root] = pack(target, below_root(runs, root), threads=1).zst.sha256
    is_stored = {run: isinstance(part, StoredFrame) for run, part in runs.items()}
    return is_stored, digests


def listing(path: Path) -> list[str]:
    tar = subprocess.check_output(["zstd", "-dcq", path])
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        return opened.getnames()


def test_only_what_two_dates_of_a_place_share_is_compressed_anew(two_dates, tmp_path):
    is_stored, _ = released(two_dates, tmp_path)
    mixed = [run for run, stored in is_stored.items() if not stored]
    assert mixed == [f"BigEarthNet-S1/{ACQUISITION}/{ACQUISITION}_33UUP_"]
    assert len(is_stored) == 9
    expected = sorted(
        path_of(f"{name}_{band}")
        for names in TWO_DATES.values()
        for name in names
        for band in ("VV", "VH")
    )
    assert listing(tmp_path / "BigEarthNet-S1.tar.zst") == expected


def without(field: str, path: Path) -> None:
    """A record as it would be without a field."""
    stored = json.loads(path.read_text())
    del stored[field], stored["seal"]
    replace_file(path, json.dumps({**stored, "seal": seal_of(stored)}).encode())


def test_a_release_has_the_same_bytes_whatever_archives_there_are(two_dates, tmp_path):
    """A record without frames, one of another zstandard, none."""
    storage = two_dates.storage
    _, expected = released(two_dates, tmp_path)
    first, second, third = (storage.record_path("archives", t.key) for t in TWO_DATES)
    without("frames", first)
    is_stored, found = released(two_dates, tmp_path)
    assert (found, sum(is_stored.values())) == (expected, 5)
    edit_record(second, '"zstandard": "', '"zstandard": "9')
    is_stored, found = released(two_dates, tmp_path)
    assert (found, sum(is_stored.values())) == (expected, 3)
    remove_tile(storage, "archives", third.stem)
    is_stored, found = released(two_dates, tmp_path)
    assert (found, sum(is_stored.values())) == (expected, 0)


def test_archives_of_an_older_data_set_are_not_taken_over(two_dates, tmp_path):
    tile, names = list(TWO_DATES.items())[2]
    place(two_dates, tile, (*names, f"{ACQUISITION}_33UVP_1_2"))
    is_stored, _ = released(two_dates, tmp_path)
    assert sum(is_stored.values()) == 5
    listed = listing(tmp_path / "BigEarthNet-S1.tar.zst")
    assert path_of(f"{ACQUISITION}_33UVP_1_2_VH") in listed


def test_a_damaged_archive_of_a_tile_stops_the_release(two_dates, tmp_path):
    tile = next(iter(TWO_DATES))
    path = two_dates.storage.folder("archives") / tile.key / "S2.tar.zst"
    content = path.read_bytes()
    replace_file(path, content[:30] + bytes([content[30] ^ 1]) + content[31:])
    says = rf"{tile.key}/S2.tar.zst: expected at byte 0 a frame .* materialize archives"
    with pytest.raises(ChecksumMismatch, match=says):
        released(two_dates, tmp_path)


def test_an_archive_that_is_cut_or_no_file_is_not_opened(two_dates, tmp_path):
    tile = next(iter(TWO_DATES))
    path = two_dates.storage.folder("archives") / tile.key / "S2.tar.zst"
    replace_file(path, path.read_bytes()[:-1])
    with pytest.raises(InvalidInput, match=r"S2.tar.zst: expected \d+ bytes, found"):
        released(two_dates, tmp_path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InvalidInput, match=r"found a FIFO; materialize archives of"):
        released(two_dates, tmp_path)
