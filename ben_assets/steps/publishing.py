"""A release laid out as it is uploaded."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.steps import card, release, release_index, shards, statistics, training
from ben_assets.steps.step_context import StepContext
from resources.data_root.files import files_below, link_or_copy, local_errors
from resources.data_root.records import RELEASE, StoredRecord
from resources.data_root.tile_files import verify_tile

PART_BYTES: Final = 10_000_000_000
"""A larger file is cut into parts of this size: services refuse files above 50 GB."""

_PLACES: Final = {
    card.ASSET: "",
    statistics.ASSET: "",
    release_index.ASSET: "index",
    shards.ASSET: "shards",
    release.ARCHIVES: "archives",
    training.RELEASE_LMDB: "lmdb",
}
"""Asset to the directory that its files go to; those of the card go to the root."""
_BLOCK: Final = 8 << 20
_NEEDED: Final = (card.ASSET, release_index.ASSET, shards.ASSET)


def publish_folder(ctx: StepContext, target: Path, part_bytes: int = PART_BYTES) -> int:
    """Lay out a release in a new directory, which appears whole or not at all.

    Files are hard links where the file system allows; those above ``part_bytes`` are
    cut into parts ``<name>.00000`` and so on, to be joined by ``cat``.

    Returns:
        Number of files.

    Raises:
        MissingInput: a part of the release that others refer to is not on disk.
        InvalidInput: the directory is there, or a part is of another set of tiles.
    """
    if target.exists():
        raise InvalidInput(
            f"{target}: expected a path where nothing is, found something; choose "
            "another one, or delete it"
        )
    tiles = {record.tile: record.sha256 for record in release.released_tiles(ctx)}
    records = list(_current(ctx, tiles))
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")
    with local_errors(target):
        try:
            count = sum(_place(ctx, record, partial, part_bytes) for record in records)
            partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return count


def _current(ctx: StepContext, tiles: dict[str, str]) -> Iterator[StoredRecord]:
    for asset in _PLACES:
        if asset not in _NEEDED and ctx.storage.find(asset, RELEASE) is None:
            ctx.log(f"{asset} is not on disk: left out")
            continue
        record = ctx.storage.require(asset, RELEASE)
        made_from = {k: v for k, v in record.made_from.items() if k not in _PLACES}
        made_from.pop(release.METADATA, None)
        if made_from != tiles:
            raise InvalidInput(
                f"{asset} on disk is of another set of tiles than the aligned data "
                f"set; materialize {asset} again"
            )
        _require_whole(ctx, asset)
        yield record


def _require_whole(ctx: StepContext, asset: str) -> None:
    for difference in verify_tile(ctx.storage, asset, RELEASE, deep=False):
        raise InvalidInput(
            f"{asset}: {difference.file} is {difference.kind} ({difference.detail}); "
            f"materialize {asset} again"
        )


def _place(ctx: StepContext, record: StoredRecord, root: Path, part_bytes: int) -> int:
    """Place the files of one asset; returns their number."""
    source = ctx.storage.folder(record.asset)
    hash_list = ctx.storage.hash_list_path(record.asset, RELEASE).name
    outputs = [name for name in record.outputs if name != hash_list]
    count = 0
    for name in sorted(files_below(source, outputs)):
        target = root / _PLACES[record.asset] / name
        target.parent.mkdir(parents=True, exist_ok=True)
        count += _place_file(source / name, target, part_bytes)
    ctx.log(f"{record.asset}: {count} files placed")
    return count


def _place_file(source: Path, target: Path, part_bytes: int) -> int:
    """Link a file, or cut it into parts; returns the number of files made."""
    n_parts = -(-source.stat().st_size // part_bytes)
    if n_parts <= 1:
        link_or_copy(source, target)
        target.chmod(0o444)  # a link reaches back into the data root
        return 1
    with source.open("rb") as file:
        for number in range(n_parts):
            with target.with_name(f"{target.name}.{number:05d}").open("wb") as part:
                _copy_bytes(file, part, part_bytes)
    return n_parts


def _copy_bytes(source: BinaryIO, target: BinaryIO, n_bytes: int) -> None:
    while n_bytes and (block := source.read(min(n_bytes, _BLOCK))):
        target.write(block)
        n_bytes -= len(block)
