"""All artifacts on disk, or those of some tiles, beside what was expected."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.errors import BenError
from ben_assets.validation.expected_hashes import compare_with, read_tracked
from ben_assets.validation.orphans import compare_placed_tables, find_orphans
from resources.data_root.flow import RELEASE
from resources.data_root.records import StoredRecord
from resources.data_root.staleness import stale_inputs
from resources.data_root.stored_tiles import Snapshot
from resources.data_root.tile_files import Difference, Kind, verify_tile

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
