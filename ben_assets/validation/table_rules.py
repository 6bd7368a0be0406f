"""Claims about the tables of a tile: codes, labels, splits and twins."""

from __future__ import annotations

import pandas as pd

from ben_assets.bigearthnet.bands import REFERENCE_MAP_PIXELS
from ben_assets.bigearthnet.corine import CODES, LABELS
from ben_assets.bigearthnet.dataset_layout import MAP_SUFFIX
from ben_assets.bigearthnet.patch_grid import TileGeocoding, split_of_cell
from ben_assets.bigearthnet.product_names import cell_of_patch
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.steps import metadata, reference_maps
from ben_assets.steps.workbench import Workbench, geocoding_of, read_table
from ben_assets.validation.result import Verdict


def codes_are_known(tile: Tile, bench: Workbench) -> Verdict:
    """Only CORINE codes and 999 occur, and they fill every map of the tile."""
    table = read_table(bench, reference_maps.ASSET, tile)
    maps = bench.storage.digests(reference_maps.ASSET, tile.key)
    patches = {name.removesuffix(MAP_SUFFIX) for name in maps}
    return judge_codes(table, patches)


def judge_codes(table: pd.DataFrame, patches: set[str]) -> Verdict:
    """Hold columns patch_id, clc_code and pixels against the known codes."""
    unknown = {f"code {code}" for code in set(table["clc_code"]) - set(CODES)}
    totals = table.groupby("patch_id")["pixels"].sum()
    broken = set(totals[totals != REFERENCE_MAP_PIXELS**2].index)
    broken |= patches ^ set(totals.index)
    return Verdict.none_of(
        unknown | broken,
        f"only the {len(CODES)} known codes; {REFERENCE_MAP_PIXELS**2} pixels a map",
        f"{table['clc_code'].nunique()} codes in {len(totals)} maps",
    )


def labels_are_known(tile: Tile, bench: Workbench) -> Verdict:
    """Every label is one of the 19 classes, once and sorted."""
    return judge_labels(read_table(bench, metadata.ASSET, tile))


def judge_labels(table: pd.DataFrame) -> Verdict:
    """Hold columns patch_id and labels (list or None) against the 19 classes."""
    labelled = table[table["labels"].notna()]
    broken = {
        patch
        for patch, labels in zip(labelled["patch_id"], labelled["labels"], strict=True)
        if not len(labels)
        or list(labels) != sorted(set(labels))
        or not set(labels) <= set(LABELS)
    }
    used = {label for labels in labelled["labels"] for label in labels}
    return Verdict.none_of(
        broken,
        f"one or more of {len(LABELS)} classes, each once, sorted",
        f"{len(used)} classes on {len(labelled)} patches",
    )


def labelled_patches_have_maps(tile: Tile, bench: Workbench) -> Verdict:
    """Each patch with labels has a reference map."""
    if bench.storage.find(reference_maps.ASSET, tile.key) is None:
        return Verdict.not_judged("reference_maps of this tile are not on disk")
    table = read_table(bench, metadata.ASSET, tile)
    labelled = set(table[table["labels"].notna()]["patch_id"])
    maps = bench.storage.digests(reference_maps.ASSET, tile.key)
    alone = labelled - {name.removesuffix(MAP_SUFFIX) for name in maps}
    return Verdict.none_of(
        alone, "a map of each labelled patch", f"{len(labelled)} labelled patches"
    )


def splits_follow_rule(tile: Tile, bench: Workbench) -> Verdict:
    """Each patch is in one split, the one that its place in the tile gives."""
    record = bench.storage.require(metadata.ASSET, tile.key)
    return judge_splits(read_table(bench, metadata.ASSET, tile), geocoding_of(record))


def judge_splits(table: pd.DataFrame, grid: TileGeocoding) -> Verdict:
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
    return Verdict.none_of(
        broken, f"{grid.cells**2} patches in one split each, by the rule", counts
    )


def twins_are_unique(tile: Tile, bench: Workbench) -> Verdict:
    """No two kept patches share a Sentinel-1 or v1 twin; aligned ones have both."""
    return judge_twins(
        read_table(bench, metadata.ASSET, tile), needs_v1=tile.alignment == "v1"
    )


def judge_twins(table: pd.DataFrame, *, needs_v1: bool) -> Verdict:
    """Hold the twins of kept patches against each other."""
    kept = table[table["kept"]]
    broken: set[str] = set()
    for column in ("s1_name", "s2v1_name"):
        named = kept[kept[column].notna()]
        broken |= set(named["patch_id"][named[column].duplicated(keep=False)])
        if needs_v1:
            broken |= set(kept["patch_id"][kept[column].isna()])
    twins = kept["s1_name"].nunique()
    return Verdict.none_of(
        broken, "twins of their own", f"{len(kept)} kept patches, {twins} S1 twins"
    )
