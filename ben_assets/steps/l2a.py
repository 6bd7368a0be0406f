"""``l2a_tiles``: an L2A product, adopted, proven and published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ben_assets.bigearthnet.band_rasters import content_digests, verify_bands
from ben_assets.bigearthnet.checksums import hash_list_digest
from ben_assets.bigearthnet.errors import BenError, MissingInput
from ben_assets.bigearthnet.patch_grid import require_full_size
from ben_assets.bigearthnet.safe import L2AProduct, read_l2a
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.steps.workbench import Workbench, versions
from resources.l2a_source import copy_product, find_l2a
from resources.storage import Draft, Record, StoredRecord

ASSET = "l2a_tiles"


def make_l2a_tile(tile: Tile, bench: Workbench) -> StoredRecord:
    """The L2A product of a tile: kept if it still verifies, otherwise adopted.

    Raises:
        MissingInput: no product to adopt.
        InvalidInput: two products match, or the product is of another tile.
        UnexpectedRaster: a band file is damaged or differs from the metadata.
    """
    kept = None if bench.settings.force else _find_sound(tile, bench)
    if kept is not None:
        bench.log(f"{kept.facts['product']} is on disk and verifies: kept")
        return kept
    source = _source(tile, bench)
    bench.log(f"adopting {source}")
    with bench.storage.draft(ASSET, tile.key, bench.log) as draft:
        product = read_l2a(copy_product(source, draft.path))
        return publish_product(
            draft, tile, product, {"processor": _stated_processor(product)}
        )


def _source(tile: Tile, bench: Workbench) -> Path:
    folder = bench.settings.path("BEN_L2A_DIR")
    source = folder and find_l2a(folder, tile.product.acquisition)
    if source is None:
        raise MissingInput(
            f"no L2A product of {tile.key}: expected one of the same mission, sensing "
            f"time, orbit and tile in BEN_L2A_DIR ({folder or 'not set'})"
        )
    return source


def _find_sound(tile: Tile, bench: Workbench) -> StoredRecord | None:
    """The tile's record, if its product is still what the record says."""
    try:
        record = bench.storage.find(ASSET, tile.key)
        if record is None:
            return None
        digests = content_digests(read_l2a(product_folder(bench, record)))
    except (BenError, OSError) as error:
        bench.log(f"the product on disk does not verify: {error}")
        return None
    return record if hash_list_digest(digests) == record.sha256 else None


def _stated_processor(product: L2AProduct) -> str:
    return "sen2cor" if product.name.baseline == "9999" else "ESA"


def publish_product(
    draft: Draft, tile: Tile, product: L2AProduct, facts: dict[str, Any]
) -> StoredRecord:
    """Prove the product in a draft and put it in place."""
    if tile.is_published:
        require_full_size(product.geocoding, product.path.name)
    verify_bands(product)
    digests = content_digests(product)
    grid = product.geocoding
    record = Record(
        asset=ASSET,
        tile=tile.key,
        digests=digests,
        bytes=sum(path.stat().st_size for path in product.band_files.values()),
        outputs=(product.path.name,),
        made_from={product.name.name: hash_list_digest(digests)},
        made_with=versions("rasterio"),
        facts={
            "product": product.name.name,
            "tile_id": product.name.stem,
            "epsg": grid.epsg,
            "ulx": grid.ulx,
            "uly": grid.uly,
            "side_m": grid.side_m,
            "start_time": product.start_time.isoformat(),
            "quality": product.quality,
            "failed_quality_checks": product.failed_quality_checks,
            "l2a_processor": facts["processor"],
            **facts,
        },
    )
    return draft.publish(record)


def product_folder(bench: Workbench, record: StoredRecord) -> Path:
    """The ``.SAFE`` folder of a tile."""
    return bench.storage.folder(ASSET) / f"{record.facts['product']}.SAFE"
