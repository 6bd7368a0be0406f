"""Rules for the aligned data set of a tile and its archives."""

from __future__ import annotations

import hashlib
from itertools import chain
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.archive_contents import holds, members
from ben_assets.bigearthnet.bands import BANDS
from ben_assets.bigearthnet.dataset_layout import (
    ARCHIVE_OF_ROOT,
    MAP_SUFFIX,
    S1_BANDS,
    path_of,
)
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.steps import archives, dataset, metadata
from ben_assets.steps.step_context import StepContext, read_table
from ben_assets.validation.result import RuleResult
from resources.data_root.files import files_below
from resources.data_root.tile_files import GDAL_SIDECAR

_S2_SUFFIXES: Final = tuple(f"_{band.name}" for band in BANDS)
_S1_SUFFIXES: Final = tuple(f"_{band}" for band in S1_BANDS)


def same_patches_everywhere(tile: Tile, ctx: StepContext) -> RuleResult:
    """The kept patches of the table are those of S2, S1 and maps, file for file."""
    if ctx.storage.find(metadata.ASSET, tile.key) is None:
        return RuleResult.not_evaluated("metadata_tables of this tile are not on disk")
    table = read_table(ctx, metadata.ASSET, tile)
    kept = table[table["kept"]]
    expected = {
        path_of(f"{name}{suffix}")
        for names, suffixes in (
            (kept["patch_id"], (*_S2_SUFFIXES, MAP_SUFFIX)),
            (kept["s1_name"].dropna(), _S1_SUFFIXES),
        )
        for name in names
        for suffix in suffixes
    }
    record = ctx.storage.require(dataset.ASSET, tile.key)
    roots = [output for output in record.outputs if "/" in output]
    below = files_below(ctx.storage.folder(dataset.ASSET), roots)
    found = {path for path in below if not path.endswith(GDAL_SIDECAR)}
    return RuleResult.none_of(
        expected ^ found,
        f"{len(kept)} patches with {len(_S2_SUFFIXES)} bands, a map and Sentinel-1: "
        f"{len(expected)} files",
        f"{len(found)} files",
    )


def archives_hold_the_dataset(tile: Tile, ctx: StepContext) -> RuleResult:
    """Each archive decompresses to just the tile's files, byte for byte, in order."""
    if ctx.storage.find(dataset.ASSET, tile.key) is None:
        return RuleResult.not_evaluated("aligned_dataset of this tile is not on disk")
    runs = archives.runs_of_tile(ctx.storage, tile.key)
    folder = ctx.storage.folder(archives.ASSET) / tile.key
    broken, n_members = set(), 0
    for root, name in ARCHIVE_OF_ROOT.items():
        path = folder / f"{name}.tar.zst"
        expected = [*chain.from_iterable(archives.below_root(runs, root).values())]
        if holds(path, expected):
            n_members += len(expected)
            continue
        listed = sorted((m.name.encode(), m.sha256) for m in expected)
        found = _members_of(path)
        broken |= {f"{name}: {file.decode()}" for file, _ in set(listed) ^ set(found)}
        if found != listed and set(listed) == set(found):
            broken.add(f"{name}: order of members")
        n_members += len(found)
    return RuleResult.none_of(
        broken,
        f"{sum(map(len, runs.values()))} files, sorted by path",
        f"{n_members} members",
    )


def _members_of(path: Path) -> list[tuple[bytes, str]]:
    return [
        (name.encode(), hashlib.sha256(content).hexdigest())
        for name, content in members(path)
    ]
