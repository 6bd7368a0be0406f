"""Rules for what a release offers to those who train on it."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa

from ben_assets.bigearthnet.bands import BANDS
from ben_assets.bigearthnet.dataset_layout import S1_BANDS
from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.bigearthnet.table_columns import PUBLISHED
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.steps import card, dataset, release, shards, statistics, training
from ben_assets.steps import release_index as index
from ben_assets.steps.step_context import StepContext, read_file_of
from ben_assets.training.encoding import entries_of_tile
from ben_assets.training.index import INDEX_FILE
from ben_assets.training.manifest import MANIFEST_FILE, read_manifest
from ben_assets.training.patch_database import DATA_FILE, PatchDatabase
from ben_assets.training.shards import PARTS, parts_of
from ben_assets.validation.result import RuleResult
from resources.data_root.flow import RELEASE

_MEMBERS: Final = (
    "json",
    "map.safetensors",
    "map19.safetensors",
    "s1.safetensors",
    "s2.safetensors",
)
_S1_PIXELS: Final = 120 * 120


def database_holds_the_dataset(tile: Tile, ctx: StepContext) -> RuleResult:
    """The database has the keys of the tile's files, each with its expected value."""
    upstream = ctx.storage.find(dataset.ASSET, tile.key)
    if upstream is None:
        return RuleResult.not_evaluated("aligned_dataset of this tile is not on disk")
    entries = entries_of_tile(Path(), ctx.storage.digests(upstream))
    keys = {entry.key for entry in entries}
    record = ctx.storage.require(training.ASSET, tile.key)
    expected = ctx.storage.digests(record)
    found = _digests(training.database_path(ctx, record))
    broken = keys ^ found.keys() | _differing(expected, found)
    return RuleResult.none_of(broken, f"{len(keys)} keys", f"{len(found)} keys")


def merged_database_holds_all_tiles(ctx: StepContext) -> RuleResult:
    """The merged database has the keys and values of all tiles' databases."""
    expected: dict[str, str] = {}
    for released in release.released_tiles(ctx):
        record = ctx.storage.find(training.ASSET, released.tile)
        if record is None:
            name = f"{training.ASSET} of {released.tile}"
            return RuleResult.not_evaluated(f"{name} is not on disk")
        expected |= ctx.storage.digests(record)
    merged = ctx.storage.require(training.RELEASE_LMDB, RELEASE)
    path = ctx.storage.file_of(merged, f"{training.DATABASE}/{DATA_FILE}")
    found = _digests(path.parent)
    broken = _differing(expected, found)
    return RuleResult.none_of(broken, f"{len(expected)} keys", f"{len(found)} keys")


def _digests(folder: Path) -> dict[str, str]:
    with PatchDatabase(folder, in_order=True) as database:
        return {
            key.decode(): hashlib.sha256(value).hexdigest()
            for key, value in database.pairs()
        }


def _differing(expected: dict[str, str], found: dict[str, str]) -> set[str]:
    names = expected.keys() | found.keys()
    return {name for name in names if expected.get(name) != found.get(name)}


def index_agrees_with_tables(ctx: StepContext) -> RuleResult:
    """The index has the rows of the release metadata in the columns of both."""
    tables = ctx.storage.find(release.METADATA, RELEASE)
    if tables is None:
        return RuleResult.not_evaluated("release_metadata are not on disk")
    published = [name for name in tables.outputs if name.endswith(".parquet")]
    expected = {
        row
        for name in published
        for row in _rows(read_file_of(ctx, tables, name, list(PUBLISHED)))
    }
    record = ctx.storage.require(index.ASSET, RELEASE)
    found = list(_rows(read_file_of(ctx, record, INDEX_FILE, list(PUBLISHED))))
    broken = {row.partition('", ')[0] for row in expected ^ set(found)}
    return RuleResult.none_of(broken, f"{len(expected)} rows", f"{len(found)} rows")


def _rows(table: pa.Table) -> Iterator[str]:
    for row in table.to_pylist():
        yield json.dumps(row)


def shards_hold_every_patch_once(ctx: StepContext) -> RuleResult:
    """Every patch of the index is one whole sample, in the shards of its part."""
    indexed = ctx.storage.find(index.ASSET, RELEASE)
    if indexed is None:
        return RuleResult.not_evaluated("release_index is not on disk")
    table = read_file_of(ctx, indexed, INDEX_FILE)
    pairs = zip(parts_of(table).to_pylist(), table["patch_id"].to_pylist(), strict=True)
    expected = Counter(
        f"{part}/{patch}.{member}" for part, patch in pairs for member in _MEMBERS
    )
    record = ctx.storage.require(shards.ASSET, RELEASE)
    names = [name for name in record.outputs if name.endswith(".tar")]
    found = Counter(
        f"{name.rpartition('-')[0]}/{member}"
        for name in names
        for member in _members(ctx.storage.file_of(record, name))
    )
    broken = {name for name in expected | found if expected[name] != found[name]}
    return RuleResult.none_of(
        broken, f"{len(table)} samples", f"{found.total()} members in {len(names)} tars"
    )


def _members(path: Path) -> list[str]:
    try:
        with tarfile.open(path) as tar:
            return tar.getnames()
    except (tarfile.TarError, OSError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> InvalidInput:
    return InvalidInput(
        f"{path} is damaged ({error}); ben verify names the command that makes it again"
    )


def statistics_count_every_pixel(ctx: StepContext) -> RuleResult:
    """Each band of each part has as many pixels as the part's patches hold."""
    record = ctx.storage.require(statistics.ASSET, RELEASE)
    content = ctx.storage.read_file(record, statistics.STATISTICS_FILE)
    try:
        found = json.loads(content)["splits"]
    except (ValueError, LookupError, TypeError) as error:
        path = ctx.storage.folder(statistics.ASSET) / statistics.STATISTICS_FILE
        raise _damaged(path, error) from error
    broken = set()
    for part in PARTS:
        for band in BANDS:
            count = found[part]["bands"].get(band.name, {"count": 0})["count"]
            if count != found[part]["patches"] * band.patch_pixels**2:
                broken.add(f"{part} {band.name}: {count} pixels")
        for name in S1_BANDS:
            count = found[part]["bands"].get(name, {"count": 0})["count"]
            if count > found[part]["patches"] * _S1_PIXELS:
                broken.add(f"{part} {name}: {count} pixels")
    patches = sum(found[part]["patches"] for part in PARTS)
    return RuleResult.none_of(broken, "all pixels of each patch", f"{patches} patches")


def manifest_lists_the_dataset(ctx: StepContext) -> RuleResult:
    """The manifest lists the files of all tiles with their digests, and the tables."""
    expected = {
        member.name: member.sha256
        for record in release.released_tiles(ctx)
        for member in dataset.dataset_members(ctx.storage, record.tile)
    }
    tables = ctx.storage.find(release.METADATA, RELEASE)
    contents = tables.contents if tables else {}
    expected |= {n: c.sha256 for n, c in contents.items() if n.endswith(".parquet")}
    path = ctx.storage.folder(card.ASSET) / MANIFEST_FILE
    found = {file.path: file.sha256 for file in read_manifest(path)}
    broken = _differing(expected, found)
    return RuleResult.none_of(broken, f"{len(expected)} files", f"{len(found)} files")
