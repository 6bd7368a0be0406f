from __future__ import annotations

import dataclasses
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from ben_assets.bigearthnet.bands import BANDS, L1C_BANDS
from ben_assets.bigearthnet.errors import CorruptProduct
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.product_names import ProductName
from ben_assets.safe.band_rasters import read_band, verify_bands
from ben_assets.safe.l2a import read_l2a
from ben_assets.safe.manifest import prove_product
from ben_assets.synthetic.safe_description import ProductDescription
from ben_assets.synthetic.safe_writer import (
    write_l1c_product,
    write_l2a_product,
    zip_product,
)
from ben_assets_tests.support.pipeline import flip

GRID = TileGeocoding(epsg=32633, ulx=300_000, uly=5_400_000, side_m=1_320)
L2A_NAME = "S2A_MSIL2A_20180718T101031_N9999_R022_T33UUP_20240101T000000"
L1C_NAME = "S2A_MSIL1C_20180718T101031_N0206_R022_T33UUP_20180718T123113"
START = datetime(2018, 7, 18, 10, 10, 31, 26_000, tzinfo=UTC)
with rasterio.Env() as gdal:
    GDAL_HAS_SENTINEL2 = "SENTINEL2" in gdal.drivers()


def describe(name: str) -> ProductDescription:
    return ProductDescription(ProductName.parse(name), START, GRID, 16_035)


def positions(bands=L1C_BANDS) -> dict[str, np.ndarray]:
    """Every pixel tells its band, row and column."""
    pixels = {}
    for number, band in enumerate(bands):
        side = GRID.pixels(band.gsd_m)
        row, col = np.mgrid[:side, :side]
        pixels[band.name] = (1 + number * 4000 + row * 17 + col).astype(np.uint16)
    return pixels


@pytest.fixture(scope="module")
def l2a(tmp_path_factory) -> Path:
    parent = tmp_path_factory.mktemp("l2a")
    return write_l2a_product(parent, describe(L2A_NAME), positions(BANDS))


@pytest.fixture(scope="module")
def l1c(tmp_path_factory) -> Path:
    parent = tmp_path_factory.mktemp("l1c")
    return write_l1c_product(parent, describe(L1C_NAME), positions())


@pytest.fixture(scope="module")
def l1c_zip(l1c, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("zip") / f"{L1C_NAME}.zip"
    zip_product(l1c, target)
    return target


def test_an_l2a_product_reads_back_to_the_pixel(l2a):
    product = read_l2a(l2a)
    assert product.name == ProductName.parse(L2A_NAME)
    assert product.start_time == START
    assert product.geocoding == GRID
    verify_bands(product)
    for band in BANDS:
        np.testing.assert_array_equal(
            read_band(product, band), positions(BANDS)[band.name]
        )


@pytest.mark.parametrize(
    ("gsd_m", "kinds"),
    [
        (10, "AOT B02 B03 B04 B08 TCI WVP"),
        (20, "AOT B02 B03 B04 B05 B06 B07 B8A B11 B12 SCL TCI WVP"),
        (60, "AOT B01 B02 B03 B04 B05 B06 B07 B8A B09 B11 B12 SCL TCI WVP"),
    ],
)
def test_a_resolution_folder_holds_what_sen2cor_puts_there(l2a, gsd_m, kinds):
    folder = l2a / f"GRANULE/L2A_T33UUP_A016035_20180718T101031/IMG_DATA/R{gsd_m}m"
    names = {f"T33UUP_20180718T101031_{kind}_{gsd_m}m.jp2" for kind in kinds.split()}
    assert {path.name for path in folder.iterdir()} == names


def test_the_metadata_list_every_image_that_is_there(l2a, l1c):
    for folder, metadata in ((l2a, "MTD_MSIL2A.xml"), (l1c, "MTD_MSIL1C.xml")):
        root = ElementTree.parse(folder / metadata).getroot()
        listed = {f"{e.text}.jp2" for e in root.iter("IMAGE_FILE")}
        images = folder.rglob("IMG_DATA/**/*.jp2")
        assert listed == {path.relative_to(folder).as_posix() for path in images}


def test_every_image_says_where_it_is(l2a, l1c):
    """GDAL finds CRS and transform in the JP2 itself; there are no side files."""
    images = [*l2a.rglob("*.jp2"), *l1c.rglob("*.jp2")]
    assert len(images) == 35 + 4 + 14
    for path in images:
        with rasterio.open(path) as raster:
            gsd_m = raster.transform.a
            assert raster.crs.to_epsg() == 32633
            assert raster.transform == GRID.transform(gsd_m)
            assert raster.shape == (GRID.pixels(gsd_m),) * 2
            tags = raster.tags(ns="IMAGE_STRUCTURE")
            assert tags["COMPRESSION_REVERSIBILITY"] == "LOSSLESS"
    assert not list(l2a.rglob("*.aux.xml"))


def test_failed_quality_checks_are_written(tmp_path):
    quality = {"SENSOR_QUALITY": "FAILED", "GENERAL_QUALITY": "PASSED"}
    product = dataclasses.replace(describe(L2A_NAME), quality=quality)
    folder = write_l2a_product(tmp_path, product, positions(BANDS))
    assert read_l2a(folder).quality == quality


def test_the_processor_is_named_in_the_metadata_whatever_its_name(tmp_path):
    product = dataclasses.replace(describe(L2A_NAME), processor="x<y & --z--")
    folder = write_l2a_product(tmp_path, product, positions(BANDS))
    text = (folder / "MTD_MSIL2A.xml").read_text()
    assert "<!-- x&lt;y &amp; - -z- - -->" in text
    assert read_l2a(folder).name.name == L2A_NAME


def test_an_existing_product_is_not_overwritten(l2a):
    with pytest.raises(FileExistsError, match="S2A_MSIL2A"):
        write_l2a_product(l2a.parent, describe(L2A_NAME), positions(BANDS))


@pytest.mark.skipif(not GDAL_HAS_SENTINEL2, reason="GDAL without its SENTINEL2 driver")
@pytest.mark.parametrize("level", ["L2A", "L1C"])
def test_gdal_opens_the_product_with_its_sentinel_2_driver(l2a, l1c, level):
    path = {"L2A": l2a, "L1C": l1c}[level] / f"MTD_MSI{level}.xml"
    with pytest.warns(NotGeoreferencedWarning):
        container = rasterio.open(path)
    with container:
        assert container.driver == "SENTINEL2"
        subdatasets = container.subdatasets
    assert [s.rsplit(":", 2)[1] for s in subdatasets] == ["10m", "20m", "60m", "TCI"]
    with rasterio.open(subdatasets[0]) as raster:
        names = [raster.tags(index)["BANDNAME"] for index in raster.indexes]
        assert names[:4] == ["B4", "B3", "B2", "B8"]
        assert raster.transform == GRID.transform(10)
        bands = positions(BANDS if level == "L2A" else L1C_BANDS)
        np.testing.assert_array_equal(raster.read(1), bands["B04"])


def test_the_manifest_proves_every_other_member_of_the_zip(l1c_zip):
    check = prove_product(l1c_zip, L1C_NAME)
    assert set(check.verified) == set(check.members) - {"manifest.safe"}
    assert (check.unverifiable, check.unknown, check.missing) == ({}, (), ())
    assert len(check.images) == 14


def test_a_changed_pixel_breaks_the_manifest(l1c, tmp_path):
    copy = write_l1c_product(tmp_path, describe(L1C_NAME), positions())
    (image,) = copy.rglob("*_B05.jp2")
    flip(image, -100)
    zip_product(copy, tmp_path / "bad.zip")
    with pytest.raises(CorruptProduct, match=r"B05\.jp2: expected MD5"):
        prove_product(tmp_path / "bad.zip", L1C_NAME)


def test_the_zip_is_stored_and_has_no_entries_for_folders(l1c, l1c_zip):
    assert not list((l1c / "DATASTRIP").rglob("QI_DATA/*"))
    assert (l1c / "GRANULE/L1C_T33UUP_A016035_20180718T101031/AUX_DATA").is_dir()
    with zipfile.ZipFile(l1c_zip) as archive:
        members = archive.infolist()
    names = [member.filename for member in members]
    assert names == sorted(names)
    assert all(name.startswith(f"{L1C_NAME}.SAFE/") for name in names)
    assert not any(name.endswith("/") or "AUX_DATA" in name for name in names)
    assert {member.compress_type for member in members} == {zipfile.ZIP_STORED}


def test_the_same_product_gives_the_same_zip(l1c_zip, tmp_path):
    again = write_l1c_product(tmp_path, describe(L1C_NAME), positions(), threads=1)
    zip_product(again, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == l1c_zip.read_bytes()


def test_a_coarse_copy_is_the_block_mean_of_its_band(l2a):
    (path,) = l2a.rglob("*_B04_60m.jp2")
    with rasterio.open(path) as raster:
        fine = positions(BANDS)["B04"].astype(float)
        means = fine.reshape(22, 6, 22, 6).mean(axis=(1, 3))
        np.testing.assert_allclose(raster.read(1), means, atol=0.5)
