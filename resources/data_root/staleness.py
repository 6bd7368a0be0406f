"""Artifacts that are whole, but made from something that is no longer there."""

from __future__ import annotations

from collections.abc import Callable

from ben_assets.bigearthnet.errors import BenError
from ben_assets.bigearthnet.product_names import is_tile_key
from resources.data_root.facts import TabledFacts
from resources.data_root.flow import RELEASE, RELEASE_ASSETS, TILE_ASSETS, tiles_of
from resources.data_root.records import StoredRecord
from resources.data_root.stored_tiles import StoredTiles


def stale_inputs(
    storage: StoredTiles,
    record: StoredRecord,
    reference_digest: Callable[[StoredRecord, str], str | None] | None = None,
) -> list[str]:
    """What a record was made from that has changed since; empty if nothing has.

    An input that is not on disk (any more) does not count: nothing differs from it.

    Args:
        storage: the data root.
        record: the record in question.
        reference_digest: a record and the file name of an input of it to the SHA-256
            now, None where it is not at hand.
    """
    stale = []
    for name, digest in record.made_from.items():
        now = _digest_now(storage, record, name)
        if now is None and reference_digest is not None:
            now = reference_digest(record, name)
        if now is not None and now != digest:
            stale.append(f"{name}: {digest[:12]} then, {now[:12]} now")
    return stale + _other_tiles(storage, record)


def _digest_now(storage: StoredTiles, record: StoredRecord, name: str) -> str | None:
    """Digest of an upstream artifact, or of its table (``<asset>.parquet``)."""
    asset = name.removesuffix(".parquet")
    if record.tile == RELEASE and asset not in RELEASE_ASSETS:
        of_tiles = tiles_of(record.asset)
        upstream = _find(storage, of_tiles, name) if of_tiles else None
    elif asset in (*TILE_ASSETS, *RELEASE_ASSETS):
        upstream = _find(storage, asset, record.tile)
    else:
        return None
    if upstream is None or asset == name:
        return upstream.sha256 if upstream else None
    facts = upstream.facts
    return facts.table.sha256 if isinstance(facts, TabledFacts) else "unknown"


def _find(storage: StoredTiles, asset: str, tile: str) -> StoredRecord | None:
    try:
        return storage.find(asset, tile)
    except BenError:  # damaged: reported as such
        return None


def _other_tiles(storage: StoredTiles, record: StoredRecord) -> list[str]:
    """Tiles that a release lacks, or has too many."""
    of_tiles = tiles_of(record.asset)
    then = {name for name in record.made_from if is_tile_key(name)}
    if of_tiles is None or not then:
        return []
    now = set(storage.tiles(of_tiles))
    changes = {"without": now - then, "with the absent": then - now}
    return [
        f"set of tiles: {what} {', '.join(sorted(tiles)[:3])}"
        f"{' and more' if len(tiles) > 3 else ''}"
        for what, tiles in changes.items()
        if tiles
    ]
