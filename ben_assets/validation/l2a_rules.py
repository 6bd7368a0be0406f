"""What the checks of ``l2a_tiles`` ask of a tile that is on disk."""

from __future__ import annotations

from datetime import datetime

from ben_assets.bigearthnet.errors import BenError
from ben_assets.bigearthnet.patch_grid import require_full_size
from ben_assets.bigearthnet.product_names import ProductName
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.safe.band_rasters import verify_bands
from ben_assets.safe.l2a import read_l2a
from resources.data_root.store import Storage, StoredRecord
from resources.settings import Settings


def band_problem(record: StoredRecord, tile: Tile, settings: Settings) -> str | None:
    """What is wrong with the bands of a tile, or None."""
    folder = Storage(settings.data_dir).folder(record.asset)
    try:
        product = read_l2a(folder / f"{record.facts['product']}.SAFE")
        if tile.is_published:
            require_full_size(product.geocoding, product.path.name)
        verify_bands(product)
    except BenError as error:
        return str(error)
    return None


def start_time_difference(record: StoredRecord) -> float:
    """Seconds from the sensing time in the product's name to its PRODUCT_START_TIME."""
    name = ProductName.parse(record.facts["product"])
    start_time = datetime.fromisoformat(record.facts["start_time"])
    return (start_time - name.sensing_time).total_seconds()
