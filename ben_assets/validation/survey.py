"""All artifacts on disk, or those of some tiles, beside what was expected.

And the files in an asset's folder that no record claims.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.checksums import parse_hash_list
from ben_assets.bigearthnet.dataset_layout import path_of
from ben_assets.bigearthnet.errors import BenError
from ben_assets.bigearthnet.plain_files import read_plain
from ben_assets.bigearthnet.product_names import ProductName, is_tile_key
from ben_assets.validation.expected_hashes import compare_with, read_tracked
from resources.data_root.bulk_hashing import hash_files
from resources.data_root.flow import RELEASE, is_of_release
from resources.data_root.records import StoredRecord
from resources.data_root.staleness import stale_inputs
from resources.data_root.stored_tiles import Snapshot, StoredTiles, tile_of_draft
from resources.data_root.tile_files import Difference, Kind, verify_tile

_TABLES_BESIDE: Final = "release_metadata"
"""Its parquet files lie at the root of the data set, too.

See docs/contract.md#all-tiles-together.
"""
_DATASET: Final = "aligned_dataset"
_FEW: Final = 20


def find_orphans(storage: StoredTiles, asset: str) -> list[Difference]:
    """Files that belong to no record: added, or left where a record is gone.

    Files below what a tile's record claims are that tile's; see ``verify_tile``.
    """
    unfinished = storage.unfinished(asset)
    claimed = _claimed(storage, asset)
    claimed |= {output for outputs in unfinished.values() for output in outputs}
    orphans = set(_unclaimed(storage.folder(asset), claimed))
    detail = "a run was ended while it put the tile in place"
    found = [
        Difference(asset, tile, f"{tile}.json", Kind.UNFINISHED, detail, asset)
        for tile in unfinished
    ]
    for tile in _tiles_with_files(storage, asset, orphans):
        left = _explained(storage, asset, tile, orphans)
        orphans -= left
        if left and not storage.record_path(asset, tile).exists():
            found += _without_record(asset, tile, left)
    orphans |= _drafts_of_no_tile(storage.drafts(asset))
    detail = "belongs to no tile; delete it"
    return found + [
        Difference(asset, "", path, Kind.EXTRA, detail, "") for path in sorted(orphans)
    ]


def _drafts_of_no_tile(drafts: Path) -> set[str]:
    """What lies among the drafts and journals, and no run will ever clear."""
    names = (path.name for path in drafts.glob("*"))
    return {f"{drafts.name}/{n}" for n in names if tile_of_draft(n) is None}


def _without_record(asset: str, tile: str, left: set[str]) -> list[Difference]:
    """What is left of a tile whose record is gone; few files are named one by one."""
    detail = f"its record is gone, {len(left)} files of it are there"
    lines = [Difference(asset, tile, f"{tile}.json", Kind.MISSING, detail, asset)]
    if len(left) <= _FEW:
        detail = "nothing vouches for it: the record is gone"
        lines += [
            Difference(asset, tile, path, Kind.EXTRA, detail, asset)
            for path in sorted(left)
        ]
    return lines


def _tiles_with_files(storage: StoredTiles, asset: str, orphans: set[str]) -> list[str]:
    """Tiles that have no sound record, but may have files."""
    if is_of_release(asset):
        return [RELEASE]
    damaged = {
        tile for tile in storage.tiles(asset) if _is_damaged(storage, asset, tile)
    }
    return sorted(damaged | {key for path in orphans if (key := _key_of(path))})


def _is_damaged(storage: StoredTiles, asset: str, tile: str) -> bool:
    try:
        return storage.find(asset, tile) is None
    except BenError:
        return True


def compare_placed_tables(storage: StoredTiles) -> list[Difference]:
    """The release's parquet files at the root of the data set, byte for byte."""
    found, expected = [], _placed_tables(storage)
    paths = [str(storage.folder(_DATASET) / name) for name in expected]
    for (name, digest), actual in zip(expected.items(), hash_files(paths), strict=True):
        if actual == digest:
            continue
        kind, detail = Kind.WRONG, f"expected sha256 {digest}, found {actual}"
        if actual is None:
            kind, detail = Kind.MISSING, f"expected the file of {_TABLES_BESIDE}"
        found.append(Difference(_DATASET, RELEASE, name, kind, detail, _TABLES_BESIDE))
    return found


def _placed_tables(storage: StoredTiles) -> dict[str, str]:
    try:
        record = storage.find(_TABLES_BESIDE, RELEASE)
    except BenError:
        return {}
    contents = record.contents if record else {}
    return {n: check.sha256 for n, check in contents.items() if n.endswith(".parquet")}


def _names_of_tables(storage: StoredTiles) -> set[str]:
    """Names of the release's tables, also where their record is gone."""
    tables = storage.folder(_TABLES_BESIDE).glob("*.parquet")
    return {*_placed_tables(storage), *(path.name for path in tables)}


def _claimed(storage: StoredTiles, asset: str) -> set[str]:
    """Paths below the asset's folder that records claim, with all below them."""
    claimed = _names_of_tables(storage) if asset == _DATASET else set()
    for tile in storage.tiles(asset):
        claimed |= {f"{tile}.json", *storage.own_entries(asset, tile)}
        with contextlib.suppress(BenError):
            record = storage.find(asset, tile)
            claimed |= set(record.outputs if record else ())
    return claimed


def _folders_above(paths: Iterable[str]) -> set[str]:
    """All folders that any of the paths lies in, but the top."""
    found: set[str] = set()
    for path in paths:
        parent = path.rpartition("/")[0]
        while parent and parent not in found:
            found.add(parent)
            parent = parent.rpartition("/")[0]
    return found


def _unclaimed(folder: Path, claimed: set[str]) -> Iterator[str]:
    above = _folders_above(claimed)
    to_look_at = [""]
    while to_look_at:
        name = to_look_at.pop()
        try:
            entries = list(os.scandir(folder / name))
        except (FileNotFoundError, NotADirectoryError):
            continue
        for entry in entries:
            path = f"{name}/{entry.name}" if name else entry.name
            if path in claimed or (not name and _is_hidden(entry.name)):
                continue
            if entry.is_dir(follow_symlinks=False):
                to_look_at.append(path)
            elif path not in above:
                yield path


def _is_hidden(name: str) -> bool:
    """Whether it may be there, unlike a half-written file that nothing will clear."""
    return name.startswith(".") and not name.endswith(".part")


def _key_of(path: str) -> str | None:
    """The tile key that the name of a file begins with."""
    top = path.partition("/")[0].partition(".")[0]
    return top if is_tile_key(top) else None


def _explained(
    storage: StoredTiles, asset: str, tile: str, orphans: set[str]
) -> set[str]:
    """The files among ``orphans`` that are left of a tile."""
    if tile == RELEASE:
        return set(orphans)
    listed = _listed_paths(storage, asset, tile)
    return {
        path
        for path in orphans
        if path in listed or path.startswith(tile) or _tile_of_product(path) == tile
    }


def _tile_of_product(path: str) -> str | None:
    """Key of the tile that the folder at the top of ``path`` is an L2A product of."""
    try:
        return ProductName.parse(path.partition("/")[0]).tile_key
    except BenError:
        return None


def _listed_paths(storage: StoredTiles, asset: str, tile: str) -> set[str]:
    """Where the files of a tile's hash list lie, if it can be read."""
    path = storage.hash_list_path(asset, tile)
    try:
        paths = {path_of(name) for name in parse_hash_list(read_plain(path).decode())}
    except (OSError, ValueError):
        return set()
    return paths if asset == _DATASET else {p.partition("/")[2] for p in paths}


JUDGED_BY_CONTENT: Final = ("tile_ids", "l1c_zips", "l1c_hash_csv")
"""Another id or zip than tracked may hold the same images; their checks say so, and the
table of zip hashes follows from the zips."""


def find_differences(
    snapshot: Snapshot,
    *,
    deep: bool,
    tiles: Collection[str] = (),
    tracked: Path | None = None,
    reference_digest: Callable[[StoredRecord, str], str | None] | None = None,
    begin: Callable[[str], None] = lambda _: None,
) -> Iterator[Difference]:
    """Everything on disk that is not what it should be, in flow order.

    Args:
        snapshot: the data root; its records are read as each comes up.
        deep: whether to read every byte, or only names and sizes.
        tiles: tile keys to look at, and ``release``; empty: all, and what belongs to
            none of them.
        tracked: folder with tracked hashes to compare the records with.
        reference_digest: see ``stale_inputs``.
        begin: told of each artifact before it is looked at.
    """
    for asset in snapshot.assets():
        expected = read_tracked(tracked, asset) if tracked else {}
        for tile in snapshot.tiles(asset):
            if not tiles or tile in tiles:
                begin(f"{asset} of {tile}")
                yield from verify_tile(snapshot, asset, tile, deep=deep)
                record = _find(snapshot, asset, tile)
                if record is not None:
                    yield from _unmet_expectations(record, expected)
                    yield from _staleness(snapshot, record, reference_digest)
        for orphan in find_orphans(snapshot, asset):
            if not tiles or orphan.tile in tiles:
                yield orphan
    if not tiles or RELEASE in tiles:
        yield from compare_placed_tables(snapshot)


def _find(snapshot: Snapshot, asset: str, tile: str) -> StoredRecord | None:
    try:
        return snapshot.find(asset, tile)
    except BenError:  # damaged: reported as such
        return None


def _unmet_expectations(
    record: StoredRecord, expected: Mapping[str, dict[str, str]]
) -> Iterator[Difference]:
    if record.asset in JUDGED_BY_CONTENT:
        return
    result = compare_with(record, expected.get(record.tile))
    if not result.passed:
        detail = (
            f"{result.description}: expected {result.expected}, found {result.found}"
        )
        yield Difference(
            record.asset,
            record.tile,
            f"{record.tile}.json",
            Kind.WRONG,
            detail,
            record.asset,
        )


def _staleness(
    snapshot: Snapshot,
    record: StoredRecord,
    reference_digest: Callable[[StoredRecord, str], str | None] | None,
) -> Iterator[Difference]:
    for change in stale_inputs(snapshot, record, reference_digest):
        yield Difference(
            record.asset,
            record.tile,
            f"{record.tile}.json",
            Kind.STALE,
            f"made from another {change}",
            record.asset,
        )
