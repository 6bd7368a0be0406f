"""Named subsets of a release: index, and where asked database and shards."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ben_assets.bigearthnet.checksums import sha256_of_bytes
from ben_assets.bigearthnet.dataset_layout import MAP_SUFFIX
from ben_assets.steps import release, release_index
from ben_assets.steps.shards import PartWriter, ValueOf, open_databases
from ben_assets.steps.step_context import StepContext, versions
from ben_assets.steps.training import MOST_BYTES, require_database
from ben_assets.training.classes import class_table
from ben_assets.training.index import INDEX_FILE, write_index
from ben_assets.training.patch_database import map_size, write_database
from ben_assets.training.shards import SHARD_BYTES
from ben_assets.training.subsets import Selection, require_name, select_patches
from resources.data_root.facts import SubsetFacts
from resources.data_root.flow import RELEASE, SUBSETS
from resources.data_root.records import FileDigest
from resources.data_root.store import Record, StoredRecord

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
        return draft.publish(_record(ctx, asset, draft.path, index, selection))


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


def _record(
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
