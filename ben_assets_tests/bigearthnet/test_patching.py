"""Patches cut from a small product whose pixels tell where they are."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime

import numpy as np
import pytest
import rasterio

from ben_assets.bigearthnet.bands import BANDS
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.patching import cut_patches, write_file
from ben_assets.bigearthnet.product_names import ProductName, patch_id
from ben_assets.safe.l2a import read_l2a
from ben_assets.synthetic.safe_description import ProductDescription
from ben_assets.synthetic.safe_writer import write_l2a_product

GRID = TileGeocoding(epsg=32633, ulx=300_000, uly=5_400_000, side_m=3_660)
NAME = "S2A_MSIL2A_20180718T101031_N9999_R022_T33UUP_20240101T000000"
INVALID = (2, 0)
"""Column and row of the patch with a zero, in the band that is decoded last."""


@pytest.fixture(scope="module")
def pixels():
    found = {}
    for number, band in enumerate(BANDS):
        side = GRID.pixels(band.gsd_m)
        row, column = np.mgrid[:side, :side]
        found[band.name] = (1 + number * 4000 + row * 7 + column).astype(np.uint16)
    found["B12"][5, 2 * 60 + 5] = 0
    return found


@pytest.fixture(scope="module")
def product(pixels, tmp_path_factory):
    start = datetime(2018, 7, 18, 10, 10, 31, tzinfo=UTC)
    description = ProductDescription(ProductName.parse(NAME), start, GRID, 16_035)
    parent = tmp_path_factory.mktemp("l2a")
    return read_l2a(write_l2a_product(parent, description, pixels))


def test_each_wanted_patch_holds_the_pixels_of_its_own_square(
    product, pixels, tmp_path
):
    wanted = [(0, 0), (0, 2), (1, 0), INVALID]
    cut = cut_patches(product, wanted, tmp_path, threads=2, on_progress=print)
    kept = [patch_id(product.name.stem, *cell) for cell in wanted[:3]]
    assert sorted(path.name for path in tmp_path.iterdir()) == kept
    assert sorted(cut.digests) == sorted(f"{p}_{b.name}" for p in kept for b in BANDS)
    assert np.argwhere(~cut.valid).tolist() == [[INVALID[1], INVALID[0]]]
    files = sorted(tmp_path.glob("*/*.tif"))
    assert sum(path.stat().st_size for path in files) == cut.n_bytes
    for path in files:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == cut.digests[path.stem]
    for column, row in wanted[:3]:
        for band in BANDS:
            name = patch_id(product.name.stem, column, row)
            n = band.patch_pixels
            with rasterio.open(tmp_path / name / f"{name}_{band.name}.tif") as raster:
                found = raster.read(1)
                corner = (raster.transform.c, raster.transform.f)
            whole = pixels[band.name]
            expected = whole[row * n : (row + 1) * n, column * n : (column + 1) * n]
            assert np.array_equal(found, expected)
            assert corner == GRID.corner(column, row)


def test_a_file_that_the_disk_cuts_short_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "write", lambda handle, content: len(content) - 1)
    with pytest.raises(OSError, match="No space left"):
        write_file(tmp_path / "x.tif", b"content")
