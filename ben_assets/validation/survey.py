"""All artifacts on disk, or those of some tiles, beside what was expected."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.errors import BenError
from ben_assets.validation.expected_hashes import compare
from ben_assets.validation.orphans import compare_placed_tables, find_orphans
from resources.data_root.difference import Difference, Kind
from resources.data_root.records import RELEASE, StoredRecord
from resources.data_root.staleness import stale_inputs
from resources.data_root.store import Storage
from resources.data_root.tile_files import verify_tile

JUDGED_BY_CONTENT: Final = ("tile_ids", "l1c_zips", "l1c_hash_csv")
"""Another id or zip than tracked may hold the same images; their checks say so, and the
table of zip hashes follows from the zips."""


def find_differences(
    storage: Storage,
    *,
    deep: bool,
    tiles: Collection[str] = (),
    tracked: Path | None = None,
    reference_digest: Callable[[str], str | None] | None = None,
    begin: Callable[[str], None] = lambda _: None,
) -> Iterator[Difference]:
    """Everything on disk that is not what it should be, in flow order.

    Args:
        storage: the data root.
        deep: whether to read every byte, or only names and sizes.
        tiles: tile keys to look at, and ``release``; empty: all, and what belongs to
            none of them.
        tracked: folder with tracked hashes to compare the records with.
        reference_digest: see ``stale_inputs``.
        begin: told of each artifact before it is looked at.
    """
    for asset in storage.assets():
        for tile in storage.tiles(asset):
            if not tiles or tile in tiles:
                begin(f"{asset} of {tile}")
                yield from verify_tile(storage, asset, tile, deep=deep)
                record = _find(storage, asset, tile)
                if record is not None:
                    yield from _unmet_expectations(record, tracked)
                    yield from _staleness(storage, record, reference_digest)
        for orphan in find_orphans(storage, asset):
            if not tiles or orphan.tile in tiles:
                yield orphan
    if not tiles or RELEASE in tiles:
        yield from compare_placed_tables(storage)


def _find(storage: Storage, asset: str, tile: str) -> StoredRecord | None:
    try:
        return storage.find(asset, tile)
    except BenError:  # damaged: reported as such
        return None


def _unmet_expectations(
    record: StoredRecord, tracked: Path | None
) -> Iterator[Difference]:
    if tracked is None or record.asset in JUDGED_BY_CONTENT:
        return
    result = compare(record, tracked)
    if not result.passed:
        detail = f"{result.outcome}: expected {result.expected}, found {result.found}"
        yield Difference(
            record.asset,
            record.tile,
            f"{record.tile}.json",
            Kind.WRONG,
            detail,
            record.asset,
        )


def _staleness(
    storage: Storage,
    record: StoredRecord,
    reference_digest: Callable[[str], str | None] | None,
) -> Iterator[Difference]:
    for change in stale_inputs(storage, record, reference_digest):
        yield Difference(
            record.asset,
            record.tile,
            f"{record.tile}.json",
            Kind.STALE,
            f"made from another {change}",
            record.asset,
        )
