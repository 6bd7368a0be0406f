"""``aligned_dataset`` and ``archives``: the retained patches, placed and packed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pandas as pd

from ben_assets.bigearthnet.archives import Archive, Member, pack
from ben_assets.bigearthnet.bands import BANDS
from ben_assets.bigearthnet.checksums import file_digest
from ben_assets.bigearthnet.dataset_layout import (
    ARCHIVE_OF_ROOT,
    MAP_SUFFIX,
    MAPS_ROOT,
    S1_BANDS,
    S1_ROOT,
    S2_ROOT,
    path_of,
    s1_folder,
)
from ben_assets.bigearthnet.errors import MissingInput
from ben_assets.bigearthnet.release_tables import require_unique
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.steps import metadata, patches, reference_maps
from ben_assets.steps.step_context import (
    StepContext,
    carried_facts,
    cpu_count,
    read_table,
    require_current,
    versions,
)
from resources.data_root.records import FileDigest
from resources.data_root.store import Draft, Record, Storage, StoredRecord
from resources.imported_l2a import link_or_copy

ASSET: Final = "aligned_dataset"
ARCHIVES: Final = "archives"


def make_aligned_dataset(tile: Tile, ctx: StepContext) -> StoredRecord:
    """Place the kept patches of a tile, their maps and Sentinel-1 in the tree.

    Raises:
        MissingInput: an upstream tile, ``BEN_S1_DIR`` or an S1 patch is not on disk.
        InvalidInput: the table is of other patches, or two patches have one matching
            patch.
    """
    upstream = require_current(ctx, metadata.ASSET, tile)
    kept = read_table(ctx, metadata.ASSET, tile).query("kept")
    require_unique(kept, "s1_name")
    s1_names = sorted(kept["s1_name"].dropna())
    s1_files = _s1_files(ctx.settings.path("BEN_S1_DIR"), s1_names)
    sources = _patch_files(tile, ctx.storage, kept)
    with ctx.storage.draft(ASSET, tile.key, ctx.log) as draft:
        digests = {name: digest for name, (_, digest) in sources.items()}
        tile_id = upstream.facts["tile_id"]
        for root in (S2_ROOT, MAPS_ROOT):
            (draft.path / root / tile_id).mkdir(parents=True)
        n_bytes = sum(_place(draft, n, path) for n, (path, _) in sources.items())
        ctx.log(f"{len(sources)} files of {len(kept)} patches placed")
        n_bytes += sum(_place(draft, name, path) for name, path in s1_files.items())
        digests |= {name: file_digest(draft.path / path_of(name)) for name in s1_files}
        ctx.log(f"{len(s1_files)} Sentinel-1 files placed")
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
                },
                made_with={},
                facts={
                    **carried_facts(upstream),
                    "alignment": tile.alignment,
                    "patches": len(kept),
                    "s1_patches": len(s1_names),
                },
            )
        )


def _patch_files(
    tile: Tile, storage: Storage, kept: pd.DataFrame
) -> dict[str, tuple[Path, str]]:
    """Name of each S2 file and map of the kept patches to its path and digest."""
    found = {}
    for asset, suffixes in (
        (patches.ASSET, tuple(f"_{band.name}" for band in BANDS)),
        (reference_maps.ASSET, (MAP_SUFFIX,)),
    ):
        digests = storage.digests(asset, tile.key)
        for patch in kept["patch_id"]:
            for suffix in suffixes:
                name = f"{patch}{suffix}"
                inside = path_of(name).partition("/")[2]
                found[name] = (storage.folder(asset) / inside, digests[name])
    return found


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


def _place(draft: Draft, name: str, source: Path) -> int:
    target = draft.path / path_of(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    link_or_copy(str(source), str(target))
    return target.stat().st_size


def make_archives(tile: Tile, ctx: StepContext) -> StoredRecord:
    """Pack a tile's part of the three release archives.

    Raises:
        MissingInput: the tile is not in the aligned data set.
        InvalidInput: the aligned data set is of other patches.
        ChecksumMismatch: a file is not what the aligned data set expectations.
    """
    upstream = require_current(ctx, ASSET, tile)
    members = sort_by_root(dataset_members(ctx.storage, tile.key))
    with ctx.storage.draft(ARCHIVES, tile.key, ctx.log) as draft:
        folder = draft.path / tile.key
        folder.mkdir()
        made: dict[str, Archive] = {}
        for root, name in ARCHIVE_OF_ROOT.items():
            target = folder / f"{name}.tar.zst"
            made[name] = pack(target, members[root], threads=cpu_count())
            ctx.log(f"{target.name}: {made[name].members} files packed")
        return draft.publish(
            Record(
                asset=ARCHIVES,
                tile=tile.key,
                digests={f"{name}.tar": a.tar.sha256 for name, a in made.items()},
                bytes=sum(archive.zst.bytes for archive in made.values()),
                outputs=(tile.key,),
                made_from={ASSET: upstream.sha256},
                made_with=versions("zstandard"),
                facts={
                    **carried_facts(upstream),
                    "alignment": tile.alignment,
                    "archives": archive_facts(made),
                },
                contents={
                    f"{tile.key}/{name}.tar.zst": FileDigest(a.zst.bytes, a.zst.sha256)
                    for name, a in made.items()
                },
            )
        )


def dataset_members(storage: Storage, tile: str) -> Iterator[Member]:
    """The files of a tile in the aligned data set, as members of its archives."""
    for name, digest in storage.digests(ASSET, tile).items():
        path = path_of(name)
        yield Member(path, storage.folder(ASSET) / path, digest)


def sort_by_root(members: Iterator[Member]) -> dict[str, list[Member]]:
    """The members of each of the three roots."""
    by_root: dict[str, list[Member]] = {root: [] for root in ARCHIVE_OF_ROOT}
    for member in members:
        by_root[member.name.partition("/")[0]].append(member)
    return by_root


def archive_facts(archives: dict[str, Archive]) -> dict[str, dict[str, object]]:
    """Members, sizes and digests of archives, for a record."""
    return {
        f"{name}.tar.zst": {
            "members": archive.members,
            "bytes": archive.zst.bytes,
            "sha256": archive.zst.sha256,
            "md5": archive.zst.md5,
            "tar_bytes": archive.tar.bytes,
            "tar_sha256": archive.tar.sha256,
            "tar_md5": archive.tar.md5,
        }
        for name, archive in archives.items()
    }
