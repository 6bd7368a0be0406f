"""``training_lmdb`` and ``release_lmdb``: decoded patches by key."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.checksums import sha256_of_bytes
from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.bigearthnet.geotiff_reading import GeotiffReader
from ben_assets.bigearthnet.numerals import counted
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.steps import dataset, release
from ben_assets.steps.step_context import (
    StepContext,
    cpu_count,
    require_current,
    versions,
)
from ben_assets.training.encoding import Entry, encode_entry, entries_of_tile
from ben_assets.training.patch_database import (
    DATA_FILE,
    MergedDigest,
    PatchDatabase,
    map_size,
    verified_pairs,
    write_database,
)
from resources.data_root.facts import (
    DatabaseFacts,
    DatasetFacts,
    ReleaseDatabaseFacts,
)
from resources.data_root.flow import RELEASE
from resources.data_root.store import Record, StoredRecord

ASSET: Final = "training_lmdb"
RELEASE_LMDB: Final = "release_lmdb"
DATABASE: Final = "BigEarthNet.lmdb"
_AHEAD: Final = 256
"""Entries that are encoded before the first of them is written."""
MOST_BYTES: Final = 161_000
"""No value is larger: twelve bands are 160,832 bytes, two polarizations 115,344."""


def make_training_lmdb(tile: Tile, ctx: StepContext) -> StoredRecord:
    """Decode the retained patches of a tile once, into a database of tensors.

    Raises:
        MissingInput: the tile is not in the aligned data set.
        InvalidInput: the aligned data set is of other patches.
        ChecksumMismatch: a file is not what the aligned data set expects.
        UnexpectedRaster: a file cannot be decoded.
    """
    upstream = require_current(ctx, dataset.ASSET, tile)
    placed = upstream.facts_as(DatasetFacts)
    digests = ctx.storage.digests(upstream)
    entries = entries_of_tile(ctx.storage.folder(dataset.ASSET), digests)
    with ctx.storage.draft(ASSET, tile.key, ctx.log) as draft:
        name = f"{tile.key}.lmdb"
        encoded = _Encoded(entries)
        write_database(
            draft.path / name, encoded.pairs(), map_size(MOST_BYTES for _ in entries)
        )
        ctx.log(f"{len(entries)} entries, {encoded.n_bytes:,} bytes")
        return draft.publish(
            Record(
                asset=ASSET,
                tile=tile.key,
                digests=encoded.digests,
                bytes=encoded.n_bytes,
                outputs=(name,),
                made_from={dataset.ASSET: upstream.sha256},
                made_with=versions("rasterio", "safetensors"),
                facts=DatabaseFacts.after(placed, patches=placed.patches),
            )
        )


class _Encoded:
    """The values of a tile, encoded by threads and handed over in key order."""

    def __init__(self, entries: list[Entry]) -> None:
        """Encode ``entries``, which are sorted by key."""
        self._entries = entries
        self.digests: dict[str, str] = {}
        self.n_bytes = 0

    def pairs(self) -> Iterator[tuple[bytes, bytes]]:
        """Key and value; digests and sizes are kept on the way."""
        reader = GeotiffReader()
        with ThreadPoolExecutor(cpu_count()) as pool:
            for start in range(0, len(self._entries), _AHEAD):
                batch = self._entries[start : start + _AHEAD]
                values = pool.map(lambda entry: encode_entry(entry, reader), batch)
                for entry, value in zip(batch, values, strict=True):
                    self.digests[entry.key] = sha256_of_bytes(value)
                    self.n_bytes += len(value)
                    yield entry.key.encode(), value


def make_release_lmdb(ctx: StepContext) -> StoredRecord:
    """Merge the databases of all tiles by copying, each value checked on the way.

    Raises:
        MissingInput: no tile, or a tile without its database.
        InvalidInput: a database is of another data set than the one on disk.
        ChecksumMismatch: a database does not hold what its hash list says.
    """
    records = release.released_tiles(ctx)
    parts = [require_database(ctx, record) for record in records]
    with ctx.storage.draft(RELEASE_LMDB, RELEASE, ctx.log) as draft:
        total = _merge(parts, draft.path / DATABASE, ctx)
        tiles = counted(len(parts), "tile")
        ctx.log(f"{total.keys} entries of {tiles}, {total.bytes:,} bytes")
        return draft.publish(
            Record(
                asset=RELEASE_LMDB,
                tile=RELEASE,
                digests={DATABASE: total.sha256},
                bytes=total.bytes,
                outputs=(DATABASE,),
                made_from={record.tile: record.sha256 for record in records},
                made_with=versions("safetensors"),
                facts=ReleaseDatabaseFacts(entries=total.keys, tiles=len(records)),
            )
        )


def _merge(parts: list[StoredRecord], folder: Path, ctx: StepContext) -> MergedDigest:
    """Copy the databases of all tiles into one, while threads hash what comes next."""
    total = MergedDigest()
    paths = [database_path(ctx, part) for part in parts]
    digests = [ctx.storage.digests(part) for part in parts]
    n_keys = sum(part.files for part in parts)
    with contextlib.ExitStack() as stack:
        opened = [
            stack.enter_context(PatchDatabase(path, in_order=True)) for path in paths
        ]
        # left first: its threads read what the databases have mapped
        pool = stack.enter_context(ThreadPoolExecutor(cpu_count()))
        pairs = verified_pairs(zip(opened, digests, strict=True), total, pool)
        size = map_size(itertools.repeat(MOST_BYTES, n_keys))
        write_database(folder, pairs, size)
    return total


def require_database(ctx: StepContext, released: StoredRecord) -> StoredRecord:
    """The database of a tile of the release, made from the data set as it is.

    Raises:
        MissingInput: there is none.
        InvalidInput: it is of another data set.
    """
    record = ctx.storage.require(ASSET, released.tile)
    if record.made_from.get(dataset.ASSET) != released.sha256:
        raise InvalidInput(
            f"{ASSET} of {released.tile} was made from another {dataset.ASSET} than "
            f"the one on disk; materialize {ASSET} of this tile again"
        )
    return record


def open_database(ctx: StepContext, tile: str) -> PatchDatabase:
    """The database of a tile, to read values that are held against its hash list.

    Raises:
        MissingInput: the tile has none, or no hash list.
        InvalidInput: its file is gone or cut.
    """
    record = ctx.storage.require(ASSET, tile)
    return PatchDatabase(database_path(ctx, record), ctx.storage.digests(record))


def database_path(ctx: StepContext, record: StoredRecord) -> Path:
    """Where the database of a tile lies.

    Raises:
        InvalidInput: its file is gone or cut: mapping that would kill the process.
    """
    return ctx.storage.file_of(record, f"{record.tile}.lmdb/{DATA_FILE}").parent
