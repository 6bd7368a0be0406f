"""``aligned_dataset``: the retained patches, placed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pandas as pd

from ben_assets.bigearthnet.archives import Member
from ben_assets.bigearthnet.bands import BANDS
from ben_assets.bigearthnet.checksums import hash_list_digest, sha256_of_bytes
from ben_assets.bigearthnet.dataset_layout import (
    MAP_SUFFIX,
    MAPS_ROOT,
    S1_BANDS,
    S1_ROOT,
    S2_ROOT,
    path_of,
    s1_folder,
)
from ben_assets.bigearthnet.errors import (
    BenError,
    ChecksumMismatch,
    MissingInput,
    UnexpectedRaster,
)
from ben_assets.bigearthnet.geotiff_reading import GeotiffReader
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.product_names import cell_of_patch
from ben_assets.bigearthnet.release_tables import require_unique
from ben_assets.bigearthnet.sentinel1 import s1_problem
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.steps import metadata, patches, reference_maps
from ben_assets.steps.step_context import (
    StepContext,
    cpu_count,
    read_table,
    require_current,
)
from resources.data_root.facts import DatasetFacts, MetadataFacts
from resources.data_root.files import copy_file, link_or_copy
from resources.data_root.store import Draft, Record, Storage, StoredRecord

ASSET: Final = "aligned_dataset"
SENTINEL1: Final = "BEN_S1_DIR"
"""Stands in ``made_from`` for the Sentinel-1 files: the digest of their hash list."""
_READ_ONLY: Final = 0o444
_MOST_S1_BYTES: Final = 1 << 20
"""Of a Sentinel-1 file; those of BigEarthNet v1 have 58,024."""


def make_aligned_dataset(tile: Tile, ctx: StepContext) -> StoredRecord:
    """Place the kept patches of a tile, their maps and Sentinel-1 in the tree.

    Raises:
        MissingInput: an upstream tile, ``BEN_S1_DIR`` or an S1 patch is not on disk.
        InvalidInput: the table is of other patches, or two patches have one matching
            patch.
    """
    table = require_current(ctx, metadata.ASSET, tile).facts_as(MetadataFacts)
    kept = read_table(ctx, metadata.ASSET, tile).query("kept")
    require_unique(kept, "s1_name")
    s1_names = sorted(kept["s1_name"].dropna())
    s1_files = _s1_files(ctx.settings.path("BEN_S1_DIR"), s1_names)
    digests, places = _patch_files(tile, ctx.storage, kept)
    s1_corners = _s1_corners(kept, table.geocoding)
    with ctx.storage.draft(ASSET, tile.key, ctx.log) as draft:
        known = _known_s1_digests(tile, ctx)
        tile_id = table.tile_id
        for root in (S2_ROOT, MAPS_ROOT):
            (draft.path / root / tile_id).mkdir(parents=True)
        n_bytes = _place_own(draft, places)
        ctx.log(f"{len(places)} files of {len(kept)} patches placed")
        s1_digests = _place_s1(draft, s1_files, s1_corners, table.epsg)
        _require_unchanged(s1_digests, {} if ctx.settings.force else known, s1_files)
        n_bytes += sum((draft.path / path_of(n)).stat().st_size for n in s1_digests)
        digests |= s1_digests
        ctx.log(f"{len(s1_files)} Sentinel-1 files copied and verified")
        s1_folders = [f"{S1_ROOT}/{s1_folder(name)}" for name in s1_names]
        return draft.publish(
            Record(
                asset=ASSET,
                tile=tile.key,
                digests=digests,
                bytes=n_bytes,
                outputs=(f"{S2_ROOT}/{tile_id}", f"{MAPS_ROOT}/{tile_id}", *s1_folders),
                made_from={
                    asset: ctx.storage.require(asset, tile.key).sha256
                    for asset in (patches.ASSET, reference_maps.ASSET, metadata.ASSET)
                }
                | ({SENTINEL1: hash_list_digest(s1_digests)} if s1_digests else {}),
                made_with={},
                facts=DatasetFacts.after(
                    table, patches=len(kept), s1_patches=len(s1_names)
                ),
            )
        )


def _patch_files(
    tile: Tile, storage: Storage, kept: pd.DataFrame
) -> tuple[dict[str, str], dict[str, str]]:
    """The S2 files and maps of the kept patches; pathlib would take longer than links.

    Returns:
        Name of each to its digest, and its path to where it goes in the data set.
    """
    found, places = {}, {}
    for asset, suffixes in (
        (patches.ASSET, tuple(f"_{band.name}" for band in BANDS)),
        (reference_maps.ASSET, (MAP_SUFFIX,)),
    ):
        root = storage.folder(asset)
        digests = storage.digests(storage.require(asset, tile.key))
        for patch in kept["patch_id"]:
            folder = path_of(f"{patch}{suffixes[0]}").rpartition("/")[0]
            inside = folder.partition("/")[2]
            for name in (f"{patch}{suffix}" for suffix in suffixes):
                found[name] = digests[name]
                places[f"{root}/{inside}/{name}.tif"] = f"{folder}/{name}.tif"
    return found, places


def _s1_files(root: Path | None, s1_names: list[str]) -> dict[str, Path]:
    """Name of each Sentinel-1 file to its path; only VV and VH belong to the set.

    Raises:
        MissingInput: lists what is missing.
    """
    if s1_names and root is None:
        raise MissingInput(
            f"{len(s1_names)} kept patches need their matching Sentinel-1 "
            "patches: set BEN_S1_DIR "
            "to the extracted BigEarthNet v1 Sentinel-1 root (from https://bigearth.net)"
        )
    files = {
        f"{name}_{band}": (root or Path()) / name / f"{name}_{band}.tif"
        for name in s1_names
        for band in S1_BANDS
    }
    missing = [str(path) for path in files.values() if not path.is_file()]
    if missing:
        raise MissingInput(
            f"{len(missing)} Sentinel-1 files are missing in BEN_S1_DIR: "
            f"{', '.join(missing[:10])}{' and more' if len(missing) > 10 else ''}; "
            "extract BigEarthNet-S1-v1.0.tar.gz there in full"
        )
    return files


def _place_own(draft: Draft, places: dict[str, str]) -> int:
    """Link files of ours; read-only, since readers could change both by one name.

    Returns:
        Their size together.
    """
    for folder in dict.fromkeys(place.rpartition("/")[0] for place in places.values()):
        (draft.path / folder).mkdir(parents=True, exist_ok=True)
    return sum(
        _place(source, f"{draft.path}/{place}") for source, place in places.items()
    )


def _place(source: str, target: str) -> int:
    """Link one file, and return its size."""
    status = link_or_copy(source, target)
    if stat.S_IMODE(status.st_mode) != _READ_ONLY:
        os.chmod(target, _READ_ONLY)  # noqa: PTH101
    return status.st_size


def _s1_corners(kept: pd.DataFrame, grid: TileGeocoding) -> dict[str, tuple[int, int]]:
    """Sentinel-1 name to the upper left corner of its patch, in metres."""
    with_s1 = kept.dropna(subset=["s1_name"])
    cells = zip(with_s1["s1_name"], with_s1["patch_id"], strict=True)
    return {name: grid.corner(*cell_of_patch(patch)) for name, patch in cells}


def _place_s1(
    draft: Draft, files: dict[str, Path], corners: dict[str, tuple[int, int]], epsg: int
) -> dict[str, str]:
    """Copy Sentinel-1 files, which are the user's; verify and hash the copies.

    Returns:
        Name of each to the SHA-256 of its copy.

    Raises:
        UnexpectedRaster: names those that are damaged or of another patch.
    """
    reader = GeotiffReader()

    def place(name: str) -> tuple[str, str]:
        if (size := files[name].stat().st_size) > _MOST_S1_BYTES:
            return "", f"expected at most {_MOST_S1_BYTES} bytes, found {size}"
        target = draft.path / path_of(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        copy_file(files[name], target)
        target.chmod(_READ_ONLY)
        content = target.read_bytes()
        try:
            raster = reader.read(content)
            problem = s1_problem(raster, epsg, corners[name.rpartition("_")[0]])
        except UnexpectedRaster as error:
            problem = str(error)
        return sha256_of_bytes(content), problem

    with ThreadPoolExecutor(cpu_count()) as pool:
        found = dict(zip(files, pool.map(place, files), strict=True))
    problems = [
        f"{files[n]}: {problem}" for n, (_, problem) in found.items() if problem
    ]
    if problems:
        raise UnexpectedRaster(
            f"{len(problems)} Sentinel-1 files of BEN_S1_DIR are damaged or of another "
            f"patch: {'; '.join(problems[:10])}{' and more' if problems[10:] else ''}; "
            "extract BigEarthNet-S1-v1.0.tar.gz there again"
        )
    return {name: digest for name, (digest, _) in found.items()}


def _known_s1_digests(tile: Tile, ctx: StepContext) -> dict[str, str]:
    """What the Sentinel-1 files were when this tile was made last, if that is known."""
    try:
        return ctx.storage.digests(ctx.storage.require(ASSET, tile.key))
    except BenError:  # damaged or not there: it says nothing
        return {}


def _require_unchanged(
    found: dict[str, str], known: dict[str, str], files: dict[str, Path]
) -> None:
    """Refuse sources that are not what they were: making the tile again would hide it.

    Raises:
        ChecksumMismatch: names them.
    """
    changed = [name for name in found if known.get(name, found[name]) != found[name]]
    if changed:
        shown = "; ".join(
            f"{files[n]}: expected sha256 {known[n]}, found {found[n]}"
            for n in changed[:10]
        )
        raise ChecksumMismatch(
            f"{len(changed)} Sentinel-1 files of BEN_S1_DIR are not what this tile was "
            f"made of before: {shown}{' and more' if changed[10:] else ''}; extract "
            "BigEarthNet-S1-v1.0.tar.gz there again, or set BEN_FORCE=1 if the change "
            "is meant"
        )


def dataset_members(storage: Storage, tile: str) -> Iterator[Member]:
    """The files of a tile in the aligned data set, as members of its archives."""
    root = storage.folder(ASSET)
    for name, digest in storage.digests(storage.require(ASSET, tile)).items():
        path = path_of(name)
        yield Member(path, f"{root}/{path}", digest)
