"""Samples in plain tars, mixed: of all tiles, ``release_shards``, and of named subsets.

A subset has an index, and where asked a database and shards.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ben_assets.bigearthnet.checksums import sha256_of_bytes
from ben_assets.bigearthnet.dataset_layout import MAP_SUFFIX
from ben_assets.bigearthnet.numerals import counted
from ben_assets.steps import release, release_index
from ben_assets.steps.step_context import StepContext, cpu_count, versions
from ben_assets.steps.training import MOST_BYTES, open_database, require_database
from ben_assets.training.classes import class_table
from ben_assets.training.index import INDEX_FILE, write_index
from ben_assets.training.patch_database import map_size, write_database
from ben_assets.training.shards import (
    PARTS,
    SHARD_BYTES,
    Sample,
    Shard,
    mixed,
    parts_of,
    sample_members,
    write_shards,
)
from ben_assets.training.subsets import Selection, require_name, select_patches
from resources.data_root.facts import ShardFacts, SubsetFacts
from resources.data_root.flow import RELEASE, SUBSETS
from resources.data_root.records import FileDigest
from resources.data_root.store import Record, StoredRecord

ASSET: Final = "release_shards"
_ROWS_AT_ONCE: Final = 1000


def make_release_shards(ctx: StepContext, limit: int = SHARD_BYTES) -> StoredRecord:
    """Write each part of the release as shards of ``limit`` bytes.

    Raises:
        MissingInput: no tile, no index, or a tile without its database.
        InvalidInput: index or a database are of another data set.
        ChecksumMismatch: a database lacks a key.
    """
    records = release.released_tiles(ctx)
    index = release_index.read_index(ctx, records)
    classes = class_table(release.recipe_of(ctx, records).land_cover.legend)
    for record in records:
        require_database(ctx, record)
    with ctx.storage.draft(ASSET, RELEASE, ctx.log) as draft:
        with open_databases(ctx, [record.tile for record in records]) as value_of:
            writer = PartWriter(classes, value_of, limit)
            shards = writer.write(draft.path, index)
        for shard in shards:
            ctx.log(f"{shard.name}: {counted(shard.samples, 'sample')}")
        return draft.publish(_record(ctx, records, shards))


def _record(
    ctx: StepContext, records: list[StoredRecord], shards: list[Shard]
) -> Record:
    index = ctx.storage.require(release_index.ASSET, RELEASE)
    return Record(
        asset=ASSET,
        tile=RELEASE,
        digests={shard.name: shard.digest.sha256 for shard in shards},
        bytes=sum(shard.digest.bytes for shard in shards),
        outputs=tuple(shard.name for shard in shards),
        made_from={record.tile: record.sha256 for record in records}
        | {release_index.ASSET: index.sha256},
        made_with=versions("safetensors", "shapely"),
        facts=ShardFacts(
            samples={shard.name: shard.samples for shard in shards},
            tiles=len(records),
        ),
        contents={
            shard.name: FileDigest(shard.digest.bytes, shard.digest.sha256)
            for shard in shards
        },
    )


ValueOf = Callable[[str, str], bytes]
"""Gives the encoded tensors of a key of a tile's database."""


@contextlib.contextmanager
def open_databases(ctx: StepContext, tiles: list[str]) -> Iterator[ValueOf]:
    """The databases of tiles, open together; the function serves many threads."""
    with contextlib.ExitStack() as stack:
        databases = {
            tile: stack.enter_context(open_database(ctx, tile)) for tile in tiles
        }
        yield lambda tile, key: databases[tile].get(key)


@dataclass(frozen=True)
class PartWriter:
    """Writes the parts of an index as shards, each by a thread of its own."""

    classes: npt.NDArray[np.uint8]
    """Class of each land-cover code, from ``class_table``."""
    value_of: ValueOf
    """Gives encoded tensors."""
    limit: int
    """Size of a shard in bytes."""

    def write(self, folder: Path, index: pa.Table) -> list[Shard]:
        """Write all rows of an index; the number of threads does not change bytes."""

        def write_part(part: str) -> list[Shard]:
            rows = index.filter(pc.equal(parts_of(index), part))
            return list(write_shards(folder, part, self._samples(rows), self.limit))

        with ThreadPoolExecutor(cpu_count()) as pool:
            return [shard for shards in pool.map(write_part, PARTS) for shard in shards]

    def _samples(self, rows: pa.Table) -> Iterator[Sample]:
        """The samples of rows, in mixed order."""
        patch_ids = rows["patch_id"].to_pylist()
        place = {patch: number for number, patch in enumerate(patch_ids)}
        order = [place[patch] for patch in mixed(patch_ids)]
        for start in range(0, len(order), _ROWS_AT_ONCE):
            for row in rows.take(order[start : start + _ROWS_AT_ONCE]).to_pylist():
                value_of = functools.partial(self.value_of, row["tile"])
                yield list(sample_members(row, self.classes, value_of))


PATCH_LIST: Final = "patch_ids.txt"
_KEYS_A_LINE: Final = 20_000
"""Keys between two lines of progress."""


def make_subset(
    ctx: StepContext,
    name: str,
    selection: Selection,
    *,
    has_lmdb: bool = False,
    has_shards: bool = False,
) -> StoredRecord:
    """Write the index of a subset, and its database and shards where asked.

    Raises:
        MissingInput: no tile, no index, or a tile without its database.
        InvalidInput: name or condition are wrong, nothing fits, or the index is of
            another set of tiles.
    """
    asset = f"{SUBSETS}/{require_name(name)}"
    records = release.released_tiles(ctx)
    whole = release_index.read_index(ctx, records)
    chosen = select_patches(whole, selection)
    index = whole.filter(pc.is_in(whole["patch_id"], pa.array(chosen)))
    legend = release.recipe_of(ctx, records).land_cover.legend
    if ctx.storage.find(asset, RELEASE) is not None:
        ctx.log(f"{name} is there already: it is replaced")
    with ctx.storage.draft(asset, RELEASE, ctx.log) as draft:
        _write_listing(draft.path, index)
        ctx.log(f"{len(index):,} of {len(whole):,} patches chosen")
        if has_lmdb or has_shards:
            tiles = sorted(set(index["tile"].to_pylist()))
            for record in records:
                if record.tile in tiles:
                    require_database(ctx, record)
            with open_databases(ctx, tiles) as value_of:
                if has_lmdb:
                    path = draft.path / f"{name}.lmdb"
                    _write_database(path, index, value_of, ctx.log)
                if has_shards:
                    ctx.log(f"writing shards of {len(index):,} patches")
                    writer = PartWriter(class_table(legend), value_of, SHARD_BYTES)
                    writer.write(draft.path, index)
        return draft.publish(_subset_record(ctx, asset, draft.path, index, selection))


def _write_listing(folder: Path, index: pa.Table) -> None:
    write_index(folder / INDEX_FILE, index)
    patch_ids = sorted(index["patch_id"].to_pylist())
    (folder / PATCH_LIST).write_text("".join(f"{patch}\n" for patch in patch_ids))


def _write_database(
    folder: Path, index: pa.Table, value_of: ValueOf, log: Callable[[str], None]
) -> None:
    tile_of = dict(_keys(index))

    def pairs() -> Iterator[tuple[bytes, bytes]]:
        for number, key in enumerate(sorted(tile_of, key=str.encode)):
            if number % _KEYS_A_LINE == 0:
                log(f"database: {number:,} of {len(tile_of):,} keys")
            yield key.encode(), value_of(tile_of[key], key)

    write_database(folder, pairs(), map_size(MOST_BYTES for _ in tile_of))


def _keys(index: pa.Table) -> Iterator[tuple[str, str]]:
    """Each key of the patches of an index, with its tile."""
    for row in index.select(["patch_id", "s1_name", "tile"]).to_pylist():
        yield row["patch_id"], row["tile"]
        yield f"{row['patch_id']}{MAP_SUFFIX}", row["tile"]
        if row["s1_name"]:
            yield row["s1_name"], row["tile"]


def _subset_record(
    ctx: StepContext, asset: str, folder: Path, index: pa.Table, selection: Selection
) -> Record:
    """Promised are the patches, the index and the shards; of LMDB keys and values."""
    upstream = ctx.storage.require(release_index.ASSET, RELEASE)
    made = sorted(path for path in folder.iterdir() if path.is_file())
    patch_ids = (folder / PATCH_LIST).read_bytes()
    files = {path.name: FileDigest.of(path) for path in made}
    return Record(
        asset=asset,
        tile=RELEASE,
        digests={name: check.sha256 for name, check in files.items()},
        bytes=sum(check.bytes for check in files.values()),
        outputs=tuple(path.name for path in folder.iterdir()),
        made_from={release_index.ASSET: upstream.sha256},
        made_with=versions("duckdb", "pyarrow", "safetensors"),
        facts=SubsetFacts(
            patches=len(index),
            patches_sha256=sha256_of_bytes(patch_ids),
            **dataclasses.asdict(selection),
        ),
        contents=files,
    )
