"""``release_shards``: samples of all tiles, mixed, in plain tars."""

from __future__ import annotations

import contextlib
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

from ben_assets.bigearthnet.numerals import counted
from ben_assets.steps import release, release_index
from ben_assets.steps.step_context import StepContext, cpu_count, versions
from ben_assets.steps.training import open_database, require_database
from ben_assets.training.classes import class_table
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
from resources.data_root.facts import ShardFacts
from resources.data_root.flow import RELEASE
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
