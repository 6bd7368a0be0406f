"""``tile_ids``, ``l1c_zips`` and the tables of both: L1C products found and fetched."""

from __future__ import annotations

import re
from typing import Final

from ben_assets.bigearthnet.checksums import (
    file_digest,
    format_hash_list,
    sha256_of_bytes,
)
from ben_assets.bigearthnet.errors import BenError, InvalidInput, MissingInput
from ben_assets.bigearthnet.numerals import counted
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.safe.manifest import Member
from ben_assets.safe.zips import product_of_zip
from ben_assets.steps.step_context import StepContext
from resources.cdse import ProvenZip
from resources.data_root.facts import ListFacts, ProductStatus, ZipFacts
from resources.data_root.flow import RELEASE
from resources.data_root.records import FileDigest
from resources.data_root.staleness import stale_inputs
from resources.data_root.store import Draft, Record, StoredRecord
from resources.data_root.tile_files import still_verifies
from resources.imported import find_l1c, import_l1c
from resources.product_sources import Sources

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
        facts=entry,
    )
    with ctx.storage.draft(IDS, tile.key, ctx.log) as draft:
        return draft.publish(record, keep_hash_list=False)


def make_l1c_zip(tile: Tile, ctx: StepContext) -> StoredRecord:
    """The tile's L1C zip: kept if it still verifies, else imported or downloaded.

    A zip of a product that the tile's row named before is not kept.

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
        if kept is not None and zip_is_of_row(tile, ctx):
            ctx.log(f"{tile.key}.zip is on disk and verifies: kept")
            return keep(tile, ctx, draft, kept)
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


def known_product(tile: Tile, ctx: StepContext) -> StoredRecord | None:
    """The record in ``tile_ids``, if it is of the product in the tile's row."""
    known = ctx.storage.find(IDS, tile.key)
    if known is None:
        return None
    product = known.facts_as(ProductStatus).name.removesuffix(".SAFE")
    return known if _is_of_row(tile, ctx, IDS, product) else None


def zip_is_of_row(tile: Tile, ctx: StepContext) -> bool:
    """Whether the zip on disk, if it can be read, holds the product in the row."""
    path = ctx.storage.folder(ZIPS) / f"{tile.key}.zip"
    product = product_of_zip(path) if path.is_file() else None
    return product is None or _is_of_row(tile, ctx, ZIPS, product)


def _is_of_row(tile: Tile, ctx: StepContext, asset: str, product: str) -> bool:
    """Whether a product is that of the tile's row, which may have changed; says so."""
    if product != tile.name:
        ctx.log(
            f"{asset} has {product}, the tile's row names {tile.name}: no longer used"
        )
    return product == tile.name


def keep(
    tile: Tile, ctx: StepContext, draft: Draft, record: StoredRecord
) -> StoredRecord:
    """Leave a tile as it is; its record names the id that the product has by now."""
    if not stale_inputs(ctx.storage, record):
        return record
    known = known_product(tile, ctx)
    return draft.restate(record, {IDS: known.sha256} if known else {})


def make_tile_id_csv(ctx: StepContext) -> StoredRecord:
    """The original's table of ids, over all tiles that have one.

    Raises:
        MissingInput: there is none.
    """
    records = _all_records(ctx, IDS)
    products = [record.facts_as(ProductStatus) for record in records]
    l1c = [product for product in products if "_MSIL1C_" in product.name]
    named = [product for product in l1c if product.id]
    if len(named) < len(records):
        ctx.log(
            f"{counted(len(records) - len(l1c), 'tile')} left out for starting at an "
            f"L2A product, {len(l1c) - len(named)} as no CDSE id is known"
        )
    rows = sorted(f"{product.name},{product.id}\n" for product in named)
    return _publish_table(ctx, ID_TABLE, ID_FILE, "tile,id\n" + "".join(rows), records)


def make_l1c_hash_csv(ctx: StepContext) -> StoredRecord:
    """The original's hash table, over all zips that CDSE packed and has an id for.

    Raises:
        MissingInput: there is none.
    """
    records = _all_records(ctx, ZIPS)
    zips = [record.facts_as(ZipFacts) for record in records]
    listed = [one for one in zips if one.id and not one.packed_here]
    left_out = len(records) - len(listed)
    if left_out:
        ctx.log(
            f"{counted(left_out, 'tile')} left out: packed here from the files of a "
            "bucket, or no CDSE id is known"
        )
    text = format_hash_list({f"{one.id}.out": one.zip_sha256 for one in listed})
    return _publish_table(ctx, HASH_TABLE, HASH_FILE, text, records, left_out)


def member_changes(
    old: dict[str, Member], new: dict[str, Member]
) -> dict[str, list[str]]:
    """Which files of a product came, went or changed, by their digests.

    >>> member_changes({"a": Member(1, "1")}, {"b": Member(1, "2")})
    {'added': ['b'], 'removed': ['a'], 'changed': []}
    """
    both = old.keys() & new.keys()
    return {
        "added": sorted(new.keys() - old.keys()),
        "removed": sorted(old.keys() - new.keys()),
        "changed": sorted(n for n in both if old[n].sha256 != new[n].sha256),
    }


def _import_existing(tile: Tile, ctx: StepContext, draft: Draft) -> StoredRecord:
    folder = ctx.settings.path("BEN_L1C_DIR")
    assert folder is not None
    sources = find_l1c(folder, tile.name, tile.cdse_id)
    known = known_product(tile, ctx)
    status = known.facts_as(ProductStatus) if known else None
    path = draft.path / f"{tile.key}.zip"
    source, verified = import_l1c(
        sources, path, tile.name, status.entry if status else None
    )
    ctx.log(f"imported {source}")
    by_name = _ID_FILE_NAME.fullmatch(source.name)
    known_id = status.id if status else tile.cdse_id
    cdse_id = by_name[1] if by_name else known_id
    facts = zip_facts(verified, cdse_id=cdse_id, source="BEN_L1C_DIR")
    return _publish(draft, ctx, verified, facts, {source.name: verified.sha256})


def _download(tile: Tile, ctx: StepContext, draft: Draft) -> StoredRecord:
    known = known_product(tile, ctx)
    if known is None:
        raise MissingInput(
            f"no id of {tile.name} on disk: materialize tile_ids of this tile first, "
            "or set BEN_L1C_DIR to a folder with its zip"
        )
    path = draft.path / f"{tile.key}.zip"
    status = known.facts_as(ProductStatus)
    fetched = Sources.from_settings(ctx.settings, ctx.log).fetch(status, path)
    ctx.log(f"{tile.name} came from {fetched.source}")
    facts = zip_facts(
        fetched.zip,
        cdse_id=status.id or None,
        source=fetched.source,
        sources=fetched.said,
    )
    return _publish(draft, ctx, fetched.zip, facts, {IDS: known.sha256})


def zip_facts(
    found: ProvenZip,
    *,
    cdse_id: str | None,
    source: str,
    sources: dict[str, str] | None = None,
) -> ZipFacts:
    """What the record says of a zip, before it is compared with the one before it.

    Args:
        found: the zip.
        cdse_id: its id in CDSE, if one is known.
        source: where it came from.
        sources: what each source said, where they were asked.
    """
    asked = {} if sources is None else {"sources": sources}
    return ZipFacts(
        id=cdse_id,
        source=source,
        **asked,
        zip_bytes=found.size,
        zip_sha256=found.sha256,
        checks=found.checks,
        members=found.product.members,
        unknown_members=found.product.unknown,
        missing_members=found.product.missing,
        unproven_images=found.product.unproven_images,
        packed_here=found.is_packed_here,
        left_out=found.left_out,
        added_folders=found.added,
        changed_members={},
    )


def _publish(
    draft: Draft,
    ctx: StepContext,
    verified: ProvenZip,
    facts: ZipFacts,
    made_from: dict[str, str],
) -> StoredRecord:
    old = _old_members(draft, ctx)
    changes = member_changes(old, facts.members) if old else {}
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
        facts=facts.model_copy(update={"changed_members": changes}),
        contents={f"{draft.tile}.zip": FileDigest(verified.size, verified.sha256)},
    )
    return draft.publish(record, keep_hash_list=False)


def _old_members(draft: Draft, ctx: StepContext) -> dict[str, Member]:
    """Files of the zip that is being replaced, if its record can be read."""
    try:
        old = ctx.storage.find(ZIPS, draft.tile)
    except BenError:
        return {}
    return old.facts_as(ZipFacts).members if old else {}


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
            facts=ListFacts(rows=text.count("\n") - 1, left_out=left_out),
        )
        return draft.publish(record, keep_hash_list=False)
