"""A real patch of BigEarthNet v2, cut out of a full-size tile again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import rasterio

from ben_assets.bigearthnet.bands import BANDS, Band
from ben_assets.bigearthnet.patch_grid import FULL_TILE_SIDE_M, TileGeocoding
from ben_assets.bigearthnet.patching import cut_patches
from ben_assets.bigearthnet.product_names import ProductName, patch_id
from ben_assets.safe.l2a import L2AProduct, Radiometry
from ben_assets.synthetic.safe_writer import LOSSLESS_JP2
from ben_assets_tests.support.shared import SHARED, needs_shared

GRID = TileGeocoding(32633, 300_000, 5_400_000, FULL_TILE_SIDE_M)
NAME = ProductName.parse("S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_20240101T000000")
CELL = (75, 43)
PATCH = patch_id(NAME.stem, *CELL)
FOLDER = SHARED / "samples/v2/BigEarthNet-S2" / NAME.stem / PATCH


def write_band(path: Path, band: Band, patch: np.ndarray) -> None:
    """A full-size band that holds the patch at its place, and 1 elsewhere."""
    side, n = GRID.pixels(band.gsd_m), band.patch_pixels
    pixels = np.ones((side, side), np.uint16)
    column, row = CELL
    pixels[row * n : row * n + n, column * n : column * n + n] = patch
    profile = {"count": 1, "height": side, "width": side, "dtype": "uint16"}
    place = {"crs": "EPSG:32633", "transform": GRID.transform(band.gsd_m)}
    with rasterio.open(path, "w", **profile, **place, **LOSSLESS_JP2) as raster:
        raster.write(pixels, 1)


@needs_shared
def test_the_12_files_of_a_real_patch_come_out_of_a_full_tile(tmp_path):
    files = {band.name: tmp_path / f"{band.name}.jp2" for band in BANDS}
    for band in BANDS:
        with rasterio.open(FOLDER / f"{PATCH}_{band.name}.tif") as raster:
            write_band(files[band.name], band, raster.read(1))
    time = datetime(2017, 6, 13, 10, tzinfo=UTC)
    no_offset = Radiometry("99.99", 10_000, {band.name: 0 for band in BANDS})
    product = L2AProduct(tmp_path, NAME, time, GRID, {}, files, no_offset)
    out = tmp_path / "out"
    out.mkdir()
    cut = cut_patches(product, [CELL], out, threads=2, on_progress=lambda line: None)
    assert cut.valid.all()
    found = {path.name: path.read_bytes() for path in (out / PATCH).iterdir()}
    real = {path.name: path.read_bytes() for path in FOLDER.iterdir()}
    assert len(found) == 12
    assert found == real
