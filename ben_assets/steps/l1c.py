"""``tile_ids``, ``l1c_zips`` and the tables of both: L1C products found and fetched."""

from __future__ import annotations

import re
from typing import Any, Final

from ben_assets.bigearthnet.checksums import (
    file_digest,
    format_hash_list,
    sha256_of_bytes,
)
from ben_assets.bigearthnet.errors import BenError, InvalidInput, MissingInput
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.steps.step_context import StepContext
from resources.cdse import ProvenZip
from resources.data_root.records import FileDigest
from resources.data_root.store import RELEASE, Draft, Record, StoredRecord
from resources.data_root.tile_files import still_verifies
from resources.imported_l1c import find_l1c, import_l1c
from resources.product_sources import ProductStatus, Sources

IDS: Final = "tile_ids"
ZIPS: Final = "l1c_zips"
ID_TABLE: Final = "tile_id_csv"
ID_FILE: Final = "bigearthnet_s2_tile_ids.csv"
HASH_TABLE: Final = "l1c_hash_csv"
HASH_FILE: Final = "ben_s2_l1c_hashes.csv"
_ID_FILE_NAME: Final = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.out")


def make_tile_id(tile: Tile, ctx: StepContext) -> StoredRecord:
    """What the sources say of the tile's product, in a record without files.

    Raises:
        BenError: no source has it; see ``Sources.find``.
    """
    sources = Sources.from_settings(ctx.settings, ctx.log)
    entry = sources.find(tile.name, tile.cdse_id)
    record = Record(
        asset=IDS,
        tile=tile.key,
        digests={tile.key: sha256_of_bytes(f"{entry.id} {entry.name}".encode())},
        bytes=0,
        outputs=(),
        facts=entry.as_facts(),
    )
    with ctx.storage.draft(IDS, tile.key, ctx.log) as draft:
        return draft.publish(record, keep_hash_list=False)


def make_l1c_zip(tile: Tile, ctx: StepContext) -> StoredRecord:
    """The tile's L1C zip: kept if it still verifies, else imported or downloaded.

    Raises:
        MissingInput: nothing to import, or no record in ``tile_ids`` to download by.
        InvalidInput: the tile starts at an L2A product.
        BenError: no source has the product whole; see ``Sources.fetch``.
    """
    require_l1c_start(tile)
    with ctx.storage.draft(ZIPS, tile.key, ctx.log) as draft:
        kept = None
        if not ctx.settings.force:
            kept = still_verifies(ctx.storage, ZIPS, tile.key, ctx.log)
        if kept is not None:
            ctx.log(f"{tile.key}.zip is on disk and verifies: kept")
            return kept
        if ctx.settings.path("BEN_L1C_DIR"):
            return _import_existing(tile, ctx, draft)
        return _download(tile, ctx, draft)


def require_l1c_start(tile: Tile) -> None:
    """Refuse a tile whose row names an L2A product.

    Raises:
        InvalidInput: says which job makes such a tile.
    """
    if tile.starts_at_l2a:
        raise InvalidInput(
            f"{tile.key} starts at the L2A product {tile.name}: there is no L1C zip to "
            "fetch; run job tile_from_l2a, or materialize l2a_tiles"
        )


def make_tile_id_csv(ctx: StepContext) -> StoredRecord:
    """The original's table of ids, over all tiles that have one.

    Raises:
        MissingInput: there is none.
    """
    records = _all_records(ctx, IDS)
    l1c = [r for r in records if "_MSIL1C_" in r.facts["name"]]
    named = [r.facts for r in l1c if r.facts["id"]]
    if len(named) < len(records):
        ctx.log(
            f"{len(records) - len(l1c)} tiles are left out as they start at an L2A "
            f"product, {len(l1c) - len(named)} as no CDSE id is known"
        )
    rows = sorted(f"{facts['name']},{facts['id']}\n" for facts in named)
    return _publish_table(ctx, ID_TABLE, ID_FILE, "tile,id\n" + "".join(rows), records)


def make_l1c_hash_csv(ctx: StepContext) -> StoredRecord:
    """The original's hash table, over all zips that CDSE packed and has an id for.

    Raises:
        MissingInput: there is none.
    """
    records = _all_records(ctx, ZIPS)
    listed = [r for r in records if r.facts["id"] and not r.facts.get("packed_here")]
    left_out = len(records) - len(listed)
    if left_out:
        ctx.log(
            f"{left_out} tiles are left out: packed here from the files of a bucket, "
            "or no CDSE id is known"
        )
    named = {f"{r.facts['id']}.out": r.facts["zip_sha256"] for r in listed}
    text = format_hash_list(named)
    return _publish_table(ctx, HASH_TABLE, HASH_FILE, text, records, left_out)


def status_of(record: StoredRecord) -> ProductStatus:
    """What a record of ``tile_ids`` says of its product."""
    return ProductStatus.from_facts(record.facts)


def member_changes(old: dict[str, Any], new: dict[str, Any]) -> dict[str, list[str]]:
    """Which files of a product came, went or changed, by their digests.

    >>> member_changes({"a": {"sha256": "1"}}, {"b": {"sha256": "2"}})
    {'added': ['b'], 'removed': ['a'], 'changed': []}
    """
    both = old.keys() & new.keys()
    return {
        "added": sorted(new.keys() - old.keys()),
        "removed": sorted(old.keys() - new.keys()),
        "changed": sorted(n for n in both if old[n]["sha256"] != new[n]["sha256"]),
    }


def _import_existing(tile: Tile, ctx: StepContext, draft: Draft) -> StoredRecord:
    folder = ctx.settings.path("BEN_L1C_DIR")
    assert folder is not None
    sources = find_l1c(folder, tile.name, tile.cdse_id)
    known = ctx.storage.find(IDS, tile.key)
    status = status_of(known) if known else None
    path = draft.path / f"{tile.key}.zip"
    source, verified = import_l1c(
        sources, path, tile.name, status.entry if status else None
    )
    ctx.log(f"imported {source}")
    by_name = _ID_FILE_NAME.fullmatch(source.name)
    known_id = status.id if status else tile.cdse_id
    cdse_id = by_name[1] if by_name else known_id
    return _publish(
        draft,
        ctx,
        verified,
        {"id": cdse_id, "source": "BEN_L1C_DIR"},
        {source.name: verified.sha256},
    )


def _download(tile: Tile, ctx: StepContext, draft: Draft) -> StoredRecord:
    known = ctx.storage.find(IDS, tile.key)
    if known is None:
        raise MissingInput(
            f"no id of {tile.key} on disk: materialize tile_ids of this tile first, or "
            "set BEN_L1C_DIR to a folder with its zip"
        )
    path = draft.path / f"{tile.key}.zip"
    fetched = Sources.from_settings(ctx.settings, ctx.log).fetch(status_of(known), path)
    ctx.log(f"{tile.name} came from {fetched.source}")
    return _publish(
        draft,
        ctx,
        fetched.zip,
        {
            "id": known.facts["id"] or None,
            "source": fetched.source,
            "sources": fetched.said,
        },
        {IDS: known.sha256},
    )


def _publish(
    draft: Draft,
    ctx: StepContext,
    verified: ProvenZip,
    facts: dict[str, Any],
    made_from: dict[str, str],
) -> StoredRecord:
    old = _old_members(draft, ctx)
    new = verified.as_facts()
    changes = member_changes(old, new["members"]) if old else {}
    for name, detail in verified.stale.items():
        ctx.log(
            f"warning: changed upstream, {name}: {detail}; every file of the product "
            f"is verified. New to its manifest: {', '.join(verified.product.unknown)}"
        )
    record = Record(
        asset=ZIPS,
        tile=draft.tile,
        digests={draft.tile: verified.sha256},
        bytes=verified.size,
        outputs=(f"{draft.tile}.zip",),
        made_from=made_from,
        facts={**facts, **new, "changed_members": changes},
        contents={f"{draft.tile}.zip": FileDigest(verified.size, verified.sha256)},
    )
    return draft.publish(record, keep_hash_list=False)


def _old_members(draft: Draft, ctx: StepContext) -> dict[str, Any]:
    """Files of the zip that is being replaced, if its record can be read."""
    try:
        old = ctx.storage.find(ZIPS, draft.tile)
    except BenError:
        return {}
    return dict(old.facts.get("members", {})) if old else {}


def _all_records(ctx: StepContext, asset: str) -> list[StoredRecord]:
    storage = ctx.storage
    records = [storage.require(asset, tile) for tile in storage.tiles(asset)]
    if not records:
        raise MissingInput(
            f"no tile has a record in {storage.folder(asset)}; materialize {asset} for "
            "a tile first"
        )
    return records


def _publish_table(
    ctx: StepContext,
    asset: str,
    name: str,
    text: str,
    records: list[StoredRecord],
    left_out: int = 0,
) -> StoredRecord:
    with ctx.storage.draft(asset, RELEASE, ctx.log) as draft:
        path = draft.path / name
        path.write_text(text)
        record = Record(
            asset=asset,
            tile=RELEASE,
            digests={path.stem: file_digest(path)},
            bytes=path.stat().st_size,
            outputs=(name,),
            made_from={record.tile: record.sha256 for record in records},
            facts={"rows": text.count("\n") - 1, "left_out": left_out},
        )
        return draft.publish(record, keep_hash_list=False)
