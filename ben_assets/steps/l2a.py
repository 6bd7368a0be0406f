"""``l2a_tiles``: an L2A product, imported or processed, verified and published."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.checksums import hash_list_digest
from ben_assets.bigearthnet.errors import (
    BenError,
    ChecksumMismatch,
    CorruptProduct,
    InvalidInput,
    MissingInput,
)
from ben_assets.bigearthnet.patch_grid import require_full_size
from ben_assets.bigearthnet.product_names import ProductName
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.safe.band_rasters import (
    content_digests,
    verify_bands,
)
from ben_assets.safe.directory_manifest import ReadProduct
from ben_assets.safe.l2a import L2A_METADATA, L2AProduct, read_l2a
from ben_assets.safe.zips import extract_product
from ben_assets.steps import l1c
from ben_assets.steps.l2a_verification import unpack_product, verify_import
from ben_assets.steps.step_context import StepContext, cpu_count, versions
from resources.data_root.facts import (
    L2aFacts,
    ProductStatus,
    ZipFacts,
)
from resources.data_root.records import FileDigest
from resources.data_root.store import Draft, Record, StoredRecord
from resources.data_root.tile_files import still_verifies
from resources.imported import copy_product, find_l2a
from resources.product_sources import Sources
from resources.sen2cor.client import l2a_processor
from resources.sen2cor.processors import DARK_OBJECT, SEN2COR, ProcessingResult

ASSET: Final = "l2a_tiles"
_OTHER_PROCESSOR: Final = "ESA"  # in its ground segment, by another baseline


def make_l2a_tile(tile: Tile, ctx: StepContext) -> StoredRecord:
    """The L2A product of a tile: kept if it still verifies, else imported or processed.

    Raises:
        MissingInput: neither a product to import nor an L1C zip to process.
        InvalidInput: two products match, or the product is of another tile.
        UnexpectedRaster: a band file is damaged or differs from the metadata.
        BenError: the processor failed; see ``L2AProcessor``.
    """
    with ctx.storage.draft(ASSET, tile.key, ctx.log) as draft:
        kept = None if ctx.settings.force else _find_sound(tile, ctx)
        if kept is not None:
            facts = kept.facts_as(L2aFacts)
            ctx.log(
                f"{facts.product}, made by {facts.l2a_processor}, is "
                "on disk and verifies: kept (BEN_FORCE=1 redoes it)"
            )
            return l1c.keep(tile, ctx, draft, kept)
        folder = ctx.settings.path("BEN_L2A_DIR")
        source = folder and find_l2a(folder, tile.product.acquisition)
        if source is not None:
            return _import_existing(source, tile, ctx, draft)
        if tile.starts_at_l2a:
            return _fetch(tile, ctx, draft)
        return _process(tile, ctx, draft)


def product_folder(ctx: StepContext, record: StoredRecord) -> Path:
    """The ``.SAFE`` folder of a tile."""
    return ctx.storage.folder(ASSET) / f"{record.facts_as(L2aFacts).product}.SAFE"


def _find_sound(tile: Tile, ctx: StepContext) -> StoredRecord | None:
    """The tile's record, if product, row and L1C zip are still what it says."""
    record = still_verifies(ctx.storage, ASSET, tile.key, ctx.log)
    if record is None or not _is_of_row(tile, record.facts_as(L2aFacts), ctx):
        return None
    try:
        source = ctx.storage.find(l1c.ZIPS, tile.key)
    except BenError as error:
        ctx.log(str(error))
        return None
    if source and record.made_from.get(l1c.ZIPS) not in (None, source.sha256):
        ctx.log("the L1C zip has changed since: the L2A product is made again")
        return None
    return record


def _is_of_row(tile: Tile, facts: L2aFacts, ctx: StepContext) -> bool:
    """Whether a product is what the tile's row asks for; else says what is replaced.

    An imported one is of the row's acquisition, whatever its baseline (``find_l2a``).
    """
    if facts.source == "BEN_L2A_DIR":
        product = ProductName.parse(facts.product)
        is_of_row = product.acquisition == tile.product.acquisition
    elif tile.starts_at_l2a:
        is_of_row = facts.product == tile.name
    else:
        is_of_row = facts.source == l1c.ZIPS and l1c.zip_is_of_row(tile, ctx)
    if not is_of_row:
        ctx.log(
            f"{facts.product}, from {facts.source}, is not what the tile's row asks "
            f"for, {tile.name}: replaced"
        )
    return is_of_row


def product_of(ctx: StepContext, record: StoredRecord) -> L2AProduct:
    """What the metadata of a tile's product say; its bands are not opened."""
    return read_l2a(product_folder(ctx, record))


def sound_product(ctx: StepContext, record: StoredRecord) -> L2AProduct:
    """The product of a record, if its bands are still those that were verified.

    Raises:
        MissingInput: a file of it is gone.
        ChecksumMismatch: a band has other image data.
        UnexpectedRaster: a band is cut short.
    """
    product = product_of(ctx, record)
    found = hash_list_digest(content_digests(product, cpu_count()))
    if found != record.sha256:
        raise ChecksumMismatch(
            f"{product.path}: expected band files with the digest {record.sha256}, "
            f"found {found}; they were changed after they were verified: materialize "
            f"{ASSET} of this tile again"
        )
    return product


def _import_existing(
    source: Path, tile: Tile, ctx: StepContext, draft: Draft
) -> StoredRecord:
    ctx.log(f"importing {source}")
    if source.is_dir():
        read = copy_product(source, draft.path, cpu_count())
    else:
        read = unpack_product(source, draft.path)
    _require_same_granule(tile, read.product, ctx)
    facts = l2a_facts(
        read.product,
        source="BEN_L2A_DIR",
        manifest=verify_import(read, ctx.log),
        processor=_stated_processor(read.product),
    )
    made_from = {read.product.name.name: hash_list_digest(read.band_digests)}
    return _publish(draft, tile, read, made_from, facts)


def _require_same_granule(tile: Tile, product: L2AProduct, ctx: StepContext) -> None:
    """Refuse the other half of a datatake that ESA cut in two.

    Both halves have one mission, time, orbit and tile; their granules start at other
    times. Where the tile's L1C zip was verified, its members tell which one is meant.

    Raises:
        InvalidInput: the product is of another granule than the L1C zip on disk.
    """
    if not l1c.zip_is_of_row(tile, ctx):
        return
    try:
        record = ctx.storage.find(l1c.ZIPS, tile.key)
    except BenError as error:
        ctx.log(str(error))
        return
    members = record.facts_as(ZipFacts).members if record else {}
    expected = {_granule_of(name) for name in members if name.startswith("GRANULE/")}
    bands = (path.relative_to(product.path) for path in product.band_files.values())
    found = {_granule_of(path.as_posix()) for path in bands}
    if expected and found != expected:
        raise InvalidInput(
            f"{product.path.name}: expected the granule of the L1C zip on disk, "
            f"{', '.join(sorted(expected))}, found {', '.join(sorted(found))}: this is "
            "the other half of a datatake that was cut in two; use its own L1C, or the "
            "L2A of this half"
        )


def _granule_of(member: str) -> str:
    """Tile, orbit and start of the granule that a file lies in, without its level."""
    return member.split("/")[1].partition("_")[2]


def _fetch(tile: Tile, ctx: StepContext, draft: Draft) -> StoredRecord:
    """The L2A product that a row names, from the first source that has it whole."""
    known = l1c.known_product(tile, ctx) or l1c.make_tile_id(tile, ctx)
    scratch = draft.path / ".scratch"
    scratch.mkdir()
    sources = Sources.from_settings(ctx.settings, ctx.log)
    fetched = sources.fetch(known.facts_as(ProductStatus), scratch / "product.zip")
    ctx.log(f"{tile.name} came from {fetched.source}")
    read = unpack_product(scratch / "product.zip", draft.path)
    shutil.rmtree(scratch)
    facts = l2a_facts(
        read.product,
        source=fetched.source,
        manifest=verify_import(read, ctx.log),
        sources=fetched.said,
        processor=_stated_processor(read.product),
    )
    return _publish(draft, tile, read, {l1c.IDS: known.sha256}, facts)


def _stated_processor(product: L2AProduct) -> str:
    """What made an imported product, as far as it says."""
    if product.name.baseline != "9999":
        return _OTHER_PROCESSOR
    metadata = (product.path / L2A_METADATA).read_text(encoding="utf-8")
    return DARK_OBJECT if f"ben-assets {DARK_OBJECT}" in metadata else SEN2COR


def _process(tile: Tile, ctx: StepContext, draft: Draft) -> StoredRecord:
    """Make the product in a scratch folder, which goes when the draft goes."""
    upstream = _required_zip(tile, ctx)
    processor = l2a_processor(ctx.settings)
    scratch = draft.path / ".scratch"
    unpacked, target = scratch / "l1c", scratch / "l2a"
    unpacked.mkdir(parents=True)
    target.mkdir()
    restored: list[str] = []
    safe = _unpack(tile, ctx, upstream, unpacked, restored.append)
    if restored:
        ctx.log(f"empty directories the zip lacks, made: {', '.join(restored)}")
    result = processor.process(safe, target, ctx.log)
    for warning in result.warnings:
        ctx.log(f"warning: {warning}")
    product = read_l2a(result.product.rename(draft.path / result.product.name))
    log_files = _keep_log(result, tile, draft)
    shutil.rmtree(scratch, ignore_errors=True)
    facts = l2a_facts(
        product,
        source=l1c.ZIPS,
        processor=result.processor,
        version=result.version,
        parameters=result.parameters,
        cores=result.cores,
        seconds=round(result.seconds, 1),
        peak_memory_bytes=result.peak_memory_bytes,
        warnings=result.warnings,
        restored_folders=tuple(restored),
    )
    verify_bands(product)
    read = ReadProduct.of(product, {}, cpu_count())
    return _publish(draft, tile, read, {l1c.ZIPS: upstream.sha256}, facts, log_files)


def _required_zip(tile: Tile, ctx: StepContext) -> StoredRecord:
    """The record of the tile's L1C zip."""
    record = ctx.storage.find(l1c.ZIPS, tile.key)
    if record is None or not l1c.zip_is_of_row(tile, ctx):
        raise MissingInput(
            f"no L2A product of {tile.key}, nor an L1C zip to make it from: expected a "
            "product of the same mission, sensing time, orbit and tile in BEN_L2A_DIR "
            f"({ctx.settings.path('BEN_L2A_DIR') or 'not set'}), or, of {tile.name}, "
            f"the record {ctx.storage.record_path(l1c.ZIPS, tile.key)}; materialize "
            "l1c_zips for this tile"
        )
    return record


def _unpack(
    tile: Tile,
    ctx: StepContext,
    record: StoredRecord,
    folder: Path,
    on_restored: Callable[[str], None],
) -> Path:
    """Unpack the zip of a record; each file is compared with it on the way.

    So the zip is read once, not for its own digest before.

    Raises:
        ChecksumMismatch: it is not the zip of the record.
    """
    path = ctx.storage.folder(l1c.ZIPS) / f"{tile.key}.zip"
    facts = record.facts_as(ZipFacts)
    expected = {name: member.sha256 for name, member in facts.members.items()}
    try:
        size = path.stat().st_size
        if size == facts.zip_bytes:
            return extract_product(path, folder, on_restored, expected)
        problem = f"expected {facts.zip_bytes} bytes, found {size}"
    except FileNotFoundError:
        problem = "no file"
    except CorruptProduct as error:
        problem = str(error)
    raise ChecksumMismatch(
        f"{path} is not the zip of its record: {problem}; materialize l1c_zips for "
        "this tile again"
    )


def l2a_facts(product: L2AProduct, *, processor: str, **made: object) -> L2aFacts:
    """What the record says of a product: what it states itself, and how it was made.

    Args:
        product: the product.
        processor: what made it.
        made: further fields of ``L2aFacts``, checked as those of a record are.
    """
    grid = product.geocoding
    stated = {
        "product": product.name.name,
        "tile_id": product.name.stem,
        **dataclasses.asdict(grid),
        "start_time": product.start_time.isoformat(),
        "baseline": product.radiometry.baseline,
        "quantification": product.radiometry.quantification,
        "offsets": product.radiometry.offsets,
        "quality": product.quality,
        "failed_quality_checks": product.failed_quality_checks,
        "l2a_processor": processor,
    }
    not_stated = {"version": "unknown", "parameters": {}, "warnings": ()}
    return L2aFacts.model_validate(
        {**stated, "processor": processor, **not_stated, **made}
    )


def _made_with(facts: L2aFacts) -> dict[str, str]:
    """Versions that decide the pixels of a product that was made here."""
    if facts.source != l1c.ZIPS:
        return {}
    digests = {
        name: str(text)
        for name, text in facts.parameters.items()
        if name.endswith("_sha256")
    }
    return {facts.processor: facts.version} | digests


def _keep_log(result: ProcessingResult, tile: Tile, draft: Draft) -> tuple[str, ...]:
    """Put the processor's output beside its product."""
    if result.log_file is None:
        return ()
    result.log_file.rename(draft.path / f"{tile.key}.log")
    return (f"{tile.key}.log",)


def _publish(
    draft: Draft,
    tile: Tile,
    read: ReadProduct,
    made_from: dict[str, str],
    facts: L2aFacts,
    log_files: tuple[str, ...] = (),
) -> StoredRecord:
    """Put a product in place whose bands were verified, and are as they were read."""
    product = read.product
    if tile.is_published:
        require_full_size(product.geocoding, product.path.name)
    record = Record(
        asset=ASSET,
        tile=tile.key,
        digests=read.band_digests,
        bytes=sum(path.stat().st_size for path in product.band_files.values()),
        outputs=(product.path.name, *log_files),
        made_from=made_from,
        made_with=versions("rasterio") | _made_with(facts),
        facts=facts,
        contents={
            f"{product.path.name}/{name}": FileDigest(one.size, one.sha256)
            for name, one in read.files.items()
        },
    )
    return draft.publish(record)
