"""Rules for a release; each knows of which tiles the release is."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ben_assets.bigearthnet.checksums import HASH_LIST_HEADER
from ben_assets.bigearthnet.plain_files import read_plain
from ben_assets.bigearthnet.release_tables import (
    HAS_SNOW_CLOUD_OR_SHADOW,
    NO_SNOW_CLOUD_OR_SHADOW,
)
from ben_assets.steps.step_context import StepContext, read_file_of
from ben_assets.tiles import load_tiles, published_keys
from ben_assets.validation.result import RuleResult
from resources.data_root.facts import ListFacts, LocatedFacts, ReleaseArchivesFacts
from resources.data_root.flow import RELEASE
from resources.data_root.records import StoredRecord
from resources.data_root.store import Storage
from resources.inputs.pins import load_published

_HASH_LISTS: Final = {
    "patches": "patch_hashes.csv",
    "reference_maps": "reference_maps_hashes.csv",
}
"""Asset to the published hash list of all its tiles."""


def files_equal_published(asset: str, ctx: StepContext) -> RuleResult:
    """Files, and tars inside archives, have the digests that were published."""
    record = ctx.storage.require(asset, RELEASE)
    published = load_published()["release"]
    scope = _scope(record.made_from, ctx)
    facts = record.facts
    if scope is None and isinstance(facts, ListFacts) and facts.left_out:
        scope = f"{facts.left_out} tiles have no row: see the asset's log"
    if scope is not None:
        return RuleResult.not_evaluated(scope)
    found = _digests(record)
    compared = [
        name
        for name in sorted(found.keys() & published.keys())
        if found[name].keys() & published[name].keys()
    ]
    broken = [n for n in compared if not _agree(published[n], found[n])]
    return RuleResult.none_of(
        broken,
        "the published digests",
        f"{len(compared)} digests: {', '.join(compared)}",
    )


def hash_lists_equal_published(ctx: StepContext) -> RuleResult:
    """The hash lists of all tiles together have the digests that were published."""
    published = load_published()["release"]
    tiles = {asset: ctx.storage.tiles(asset) for asset in _HASH_LISTS}
    for keys in tiles.values():
        scope = _scope(keys, ctx)
        if scope is not None:
            return RuleResult.not_evaluated(scope)
    found = {
        name: digest_of_all(ctx.storage, asset, tiles[asset])
        for asset, name in _HASH_LISTS.items()
    }
    broken = [name for name in found if found[name] != published[name]["sha256"]]
    return RuleResult.none_of(broken, "the published digests", str(found))


def digest_of_all(storage: Storage, asset: str, tiles: Iterable[str]) -> str:
    """SHA-256 of the hash list of several tiles, as if it were one file."""
    digest = hashlib.sha256(f"{HASH_LIST_HEADER}\n".encode())
    records = [storage.require(asset, tile) for tile in tiles]
    # names begin with the tile id, so lists in its order are in the order of names
    for record in sorted(
        records, key=lambda record: record.facts_as(LocatedFacts).tile_id
    ):
        text = read_plain(storage.hash_list_path(asset, record.tile)).decode()
        digest.update(text.partition("\n")[2].encode())
    return digest.hexdigest()


def names_are_unique(ctx: StepContext) -> RuleResult:
    """Patch ids, Sentinel-1 and v1 names occur once in all of the release."""
    tables = ctx.storage.require("release_metadata", RELEASE)
    columns = ["patch_id", "s1_name", "s2v1_name"]
    table = pa.concat_tables(
        read_file_of(ctx, tables, name, columns)
        for name in (NO_SNOW_CLOUD_OR_SHADOW, HAS_SNOW_CLOUD_OR_SHADOW)
    )
    repeated = {
        f"{column} {name}"
        for column in columns
        if pc.count_distinct(table[column]).as_py() < table.num_rows
        for name, count in Counter(table[column].to_pylist()).items()
        if count > 1
    }
    return RuleResult.none_of(repeated, "every name once", f"{table.num_rows} patches")


def _scope(tiles: Iterable[str], ctx: StepContext) -> str | None:
    """Why a set of tiles cannot be compared with what was published, if so."""
    known, tiles = load_tiles(ctx.settings), list(tiles)
    published = published_keys()
    own = {key for key in known.keys() - published if known[key].alignment == "none"}
    found = {tile for tile in tiles if tile in known} - own
    if found == published:
        return None
    others = sum(tile in known and tile not in published for tile in tiles)
    return (
        f"{len(found & published)} of {len(published)} published tiles and {others} "
        "others: nothing was published of this set, so there is nothing to compare"
    )


def _digests(record: StoredRecord) -> dict[str, dict[str, str]]:
    """File name to its digests by algorithm; tars inside archives by their own."""
    found: dict[str, dict[str, str]] = {
        path: {"sha256": check.sha256} for path, check in record.contents.items()
    }
    facts = record.facts
    archives = facts.archives if isinstance(facts, ReleaseArchivesFacts) else {}
    for name, archive in archives.items():
        tar = {"md5": archive.tar_md5, "sha256": archive.tar_sha256}
        found[name.removesuffix(".zst")] = tar
        found.pop(name, None)  # compression is no expectation
    return found


def _agree(expected: dict[str, str], found: dict[str, str]) -> bool:
    shared = expected.keys() & found.keys()
    return all(expected[name] == found[name] for name in shared)
