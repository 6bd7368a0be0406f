"""Small L1C products made by code: real names and metadata, pixels that tell places."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ben_assets.bigearthnet.bands import L1C_BANDS
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.product_names import ProductName
from ben_assets.synthetic.safe_description import ProductDescription
from ben_assets.synthetic.safe_writer import write_l1c_product, zip_product

NAME = "S2A_MSIL1C_20170613T101031_N0205_R022_T33UUP_20170613T101608"
KEY = ProductName.parse(NAME).tile_key
L2A_STEM = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"
GRID = TileGeocoding(epsg=32633, ulx=300000, uly=5400000, side_m=3600)
HAZE = 300
"""What the made bands show at their darkest beyond 1 % reflectance (100)."""


def pixels(gsd_m: int, side_m: int = GRID.side_m) -> np.ndarray:
    """Rising from 400 to the lower right; the leftmost tenth is nodata."""
    n = side_m // gsd_m
    rows, cols = np.mgrid[0:n, 0:n]
    values = 100 + HAZE + (rows * 7 + cols * 3) * gsd_m // 10
    values[: n // 20, n // 10 : n // 5] = 100 + HAZE
    values[:, : n // 10] = 0
    return values.astype(np.uint16)


def l1c_description(
    product: str = NAME, grid: TileGeocoding = GRID, **changes
) -> ProductDescription:
    values = {
        "name": ProductName.parse(product),
        "start_time": datetime(2017, 6, 13, 10, 10, 31, 26000, tzinfo=UTC),
        "geocoding": grid,
        "absolute_orbit": 10317,
        **changes,
    }
    return ProductDescription(**values)


def make_l1c(parent: Path, description: ProductDescription | None = None) -> Path:
    """Write a small L1C product and return its .SAFE folder.

    The same reflectance whatever offset is stated.
    """
    description = description or l1c_description()
    side_m = description.geocoding.side_m
    bands = {band.name: pixels(band.gsd_m, side_m) for band in L1C_BANDS}
    for band in bands.values():
        band[band > 0] += np.uint16(-description.offset)
    parent.mkdir(parents=True, exist_ok=True)
    return write_l1c_product(parent, description, bands)


def make_l1c_zip(folder: Path, description: ProductDescription | None = None) -> Path:
    """Write a small L1C product as the archive serves it, into ``folder``."""
    safe = make_l1c(folder / "unpacked", description)
    target = folder / f"{safe.stem}.zip"
    zip_product(safe, target)
    return target
