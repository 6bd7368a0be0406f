"""Rules for the tables of a tile, its aligned data set and its archives."""

from __future__ import annotations

import hashlib
from itertools import chain
from pathlib import Path
from typing import Final

import pandas as pd

from ben_assets.bigearthnet.archive_contents import holds, members
from ben_assets.bigearthnet.bands import BANDS, REFERENCE_MAP_PIXELS
from ben_assets.bigearthnet.dataset_layout import (
    ARCHIVE_OF_ROOT,
    MAP_SUFFIX,
    S1_BANDS,
    path_of,
)
from ben_assets.bigearthnet.legend import Legend
from ben_assets.bigearthnet.patch_grid import TileGeocoding, split_of_cell
from ben_assets.bigearthnet.product_names import cell_of_patch
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.steps import archives, dataset, metadata, reference_maps
from ben_assets.steps.step_context import StepContext, read_table
from ben_assets.validation.result import RuleResult
from resources.data_root.facts import MetadataFacts
from resources.data_root.files import files_below
from resources.data_root.tile_files import GDAL_SIDECAR


def codes_are_known(tile: Tile, ctx: StepContext) -> RuleResult:
    """Only codes of the legend and 999 occur, and they fill every map of the tile."""
    table = read_table(ctx, reference_maps.ASSET, tile)
    maps = ctx.storage.digests(ctx.storage.require(reference_maps.ASSET, tile.key))
    patches = {name.removesuffix(MAP_SUFFIX) for name in maps}
    return evaluate_codes(table, patches, _legend(tile, ctx))


def evaluate_codes(
    table: pd.DataFrame, patches: set[str], legend: Legend
) -> RuleResult:
    """Hold columns patch_id, clc_code and pixels against the known codes."""
    unknown = {f"code {code}" for code in set(table["clc_code"]) - set(legend.codes)}
    totals = table.groupby("patch_id")["pixels"].sum()
    broken = set(totals[totals != REFERENCE_MAP_PIXELS**2].index)
    broken |= patches ^ set(totals.index)
    return RuleResult.none_of(
        unknown | broken,
        f"only the {len(legend.codes)} known codes; {REFERENCE_MAP_PIXELS**2} pixels "
        "a map",
        f"{table['clc_code'].nunique()} codes in {len(totals)} maps",
    )


def labels_are_known(tile: Tile, ctx: StepContext) -> RuleResult:
    """Every label is one of the legend's; each is on a patch once, in order."""
    return evaluate_labels(read_table(ctx, metadata.ASSET, tile), _legend(tile, ctx))


def _legend(tile: Tile, ctx: StepContext) -> Legend:
    return ctx.recipe(tile.alignment).land_cover.legend


def evaluate_labels(table: pd.DataFrame, legend: Legend) -> RuleResult:
    """Hold columns patch_id and labels (list or None) against those of the legend."""
    labelled = table[table["labels"].notna()]
    broken = {
        patch
        for patch, labels in zip(labelled["patch_id"], labelled["labels"], strict=True)
        if not len(labels)
        or list(labels) != sorted(set(labels))
        or not set(labels) <= set(legend.labels)
    }
    used = {label for labels in labelled["labels"] for label in labels}
    return RuleResult.none_of(
        broken,
        f"one or more of {len(legend.labels)} classes, each once, sorted",
        f"{len(used)} classes on {len(labelled)} patches",
    )


def labelled_patches_have_maps(tile: Tile, ctx: StepContext) -> RuleResult:
    """Each patch with labels has a reference map."""
    made = ctx.storage.find(reference_maps.ASSET, tile.key)
    if made is None:
        return RuleResult.not_evaluated("reference_maps of this tile are not on disk")
    table = read_table(ctx, metadata.ASSET, tile)
    labelled = set(table[table["labels"].notna()]["patch_id"])
    maps = ctx.storage.digests(made)
    alone = labelled - {name.removesuffix(MAP_SUFFIX) for name in maps}
    return RuleResult.none_of(
        alone, "a map of each labelled patch", f"{len(labelled)} labelled patches"
    )


def splits_follow_rule(tile: Tile, ctx: StepContext) -> RuleResult:
    """Each patch is in one split, the one that its place in the tile gives."""
    record = ctx.storage.require(metadata.ASSET, tile.key)
    return evaluate_splits(
        read_table(ctx, metadata.ASSET, tile), record.facts_as(MetadataFacts).geocoding
    )


def evaluate_splits(table: pd.DataFrame, grid: TileGeocoding) -> RuleResult:
    """Hold columns patch_id and split against the rule."""
    broken = {
        patch
        for patch, split in zip(table["patch_id"], table["split"], strict=True)
        if split != split_of_cell(grid, *cell_of_patch(patch))
    }
    broken |= set(table["patch_id"][table["patch_id"].duplicated()])
    counts = ", ".join(
        f"{n} {name}" for name, n in table["split"].value_counts().items()
    )
    return RuleResult.none_of(
        broken, f"{grid.cells**2} patches in one split each, by the rule", counts
    )


def matching_patches_are_unique(tile: Tile, ctx: StepContext) -> RuleResult:
    """No two retained patches share a v1 or S1 patch; aligned ones have both."""
    return evaluate_matches(
        read_table(ctx, metadata.ASSET, tile), needs_v1=tile.alignment == "v1"
    )


def evaluate_matches(table: pd.DataFrame, *, needs_v1: bool) -> RuleResult:
    """Hold the matching patches of kept patches against each other."""
    kept = table[table["kept"]]
    broken: set[str] = set()
    for column in ("s1_name", "s2v1_name"):
        named = kept[kept[column].notna()]
        broken |= set(named["patch_id"][named[column].duplicated(keep=False)])
        if needs_v1:
            broken |= set(kept["patch_id"][kept[column].isna()])
    matches = kept["s1_name"].nunique()
    return RuleResult.none_of(
        broken,
        "matching patches of their own",
        f"{len(kept)} kept patches, {matches} S1 matching patches",
    )


_S2_SUFFIXES: Final = tuple(f"_{band.name}" for band in BANDS)
_S1_SUFFIXES: Final = tuple(f"_{band}" for band in S1_BANDS)


def same_patches_everywhere(tile: Tile, ctx: StepContext) -> RuleResult:
    """The retained patches of the table are those of S2, S1 and maps, file by file."""
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
    record = ctx.storage.require(archives.ASSET, tile.key)
    broken, n_members = set(), 0
    for root, name in ARCHIVE_OF_ROOT.items():
        path = ctx.storage.file_of(record, f"{tile.key}/{name}.tar.zst")
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
