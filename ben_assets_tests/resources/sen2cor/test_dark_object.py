"""The embedded processor on small products made by code, and on a real one."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio

from ben_assets.bigearthnet.bands import BANDS
from ben_assets.bigearthnet.errors import UnexpectedRaster
from ben_assets.safe.band_rasters import (
    content_digests,
    read_band,
    verify_bands,
)
from ben_assets.safe.l1c import read_l1c
from ben_assets.safe.l2a import read_l2a
from ben_assets.synthetic.safe_writer import LOSSLESS_JP2
from ben_assets_tests.support.l1c_products import (
    HAZE,
    L2A_STEM,
    l1c_description,
    make_l1c,
    pixels,
)
from resources.sen2cor.client import l2a_processor, verify_output
from resources.sen2cor.dark_object import DarkObject
from resources.settings import Settings

SHARED = Path(
    os.environ.get("BEN_SHARED", Path(__file__).resolve().parents[4] / "shared")
)
REAL = SHARED / "samples/safe/consistent"


@pytest.fixture(scope="module")
def l1c(tmp_path_factory):
    return make_l1c(tmp_path_factory.mktemp("l1c"))


def process(l1c, target):
    target.mkdir()
    return DarkObject(2).process(l1c, target, lambda line: None)


def test_the_product_is_whole_and_has_the_corrected_pixels(l1c, tmp_path):
    result = process(l1c, tmp_path / "out")
    product = verify_output(tmp_path / "out", read_l1c(l1c))
    assert product.path == result.product
    assert product.name.name == f"{L2A_STEM}_20240101T000000"
    assert product.geocoding == read_l1c(l1c).geocoding
    assert product.start_time == read_l1c(l1c).start_time
    assert set(result.parameters["haze"].values()) == {HAZE}
    for band in BANDS:
        l1c_pixels = pixels(band.gsd_m).astype(int)
        expected = np.where(l1c_pixels == 0, 0, l1c_pixels - HAZE)
        np.testing.assert_array_equal(read_band(product, band), expected)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_gdal_opens_the_product_with_all_its_subdatasets(l1c, tmp_path):
    result = process(l1c, tmp_path / "out")
    with rasterio.open(result.product / "MTD_MSIL2A.xml") as opened:
        subdatasets = opened.subdatasets
    kinds = [name.split(":")[2] for name in subdatasets]
    assert kinds == ["10m", "20m", "60m", "TCI"]
    for name in subdatasets:
        with rasterio.open(name) as raster:
            assert raster.crs.to_epsg() == 32633
            assert raster.read().any()


def test_the_same_input_gives_the_same_product(l1c, tmp_path):
    first = process(l1c, tmp_path / "first").product
    second = DarkObject(1)
    (tmp_path / "second").mkdir()
    again = second.process(l1c, tmp_path / "second", lambda line: None).product
    assert files(first) == files(again)


def files(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_it_says_that_it_is_not_sen2cor(l1c, tmp_path):
    lines = []
    (tmp_path / "out").mkdir()
    settings = Settings({"BEN_L2A_PROCESSOR": "dark-object"})
    result = l2a_processor(settings).process(l1c, tmp_path / "out", lines.append)
    assert result.processor == "dark-object"
    assert "not by sen2cor" in result.warnings[0]
    assert "not by sen2cor" in lines[0]
    assert "not by sen2cor" in (result.product / "MTD_MSIL2A.xml").read_text()


def test_quality_checks_are_carried_over(tmp_path):
    quality = {**l1c_description().quality, "RADIOMETRIC_QUALITY": "FAILED"}
    l1c = make_l1c(tmp_path, l1c_description(quality=quality))
    product = read_l2a(process(l1c, tmp_path / "out").product)
    assert product.quality == quality
    assert product.failed_quality_checks == {"RADIOMETRIC_QUALITY": "FAILED"}


def rewrite(path, change, **profile):
    with rasterio.open(path) as raster:
        kept = {"crs": raster.crs, "transform": raster.transform}
        values = change(raster.read())
    path.unlink()
    count, height, width = values.shape
    size = {"count": count, "height": height, "width": width, "dtype": values.dtype}
    profile = {**LOSSLESS_JP2, **size, **kept, **profile}
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(values)


@pytest.mark.parametrize(
    ("band", "change", "profile", "message"),
    [
        ("B09", lambda v: v * 0, {}, r"_B09\.jp2: no measured pixel"),
        ("B05", lambda v: v[:, :-1, :-1], {}, r"_B05\.jp2: expected size"),
        ("B02", lambda v: v, {"crs": "EPSG:32634"}, r"_B02\.jp2: expected CRS 32633"),
        (
            "B12",
            lambda v: (v // 256).astype(np.uint8),
            {},
            r"_B12\.jp2: expected data type uint16, found uint8",
        ),
    ],
    ids=["all nodata", "wrong size", "wrong CRS", "wrong dtype"],
)
def test_a_wrong_l1c_raster_is_named(tmp_path, band, change, profile, message):
    l1c = make_l1c(tmp_path)
    rewrite(next(l1c.glob(f"GRANULE/*/IMG_DATA/*_{band}.jp2")), change, **profile)
    with pytest.raises(UnexpectedRaster, match=message):
        process(l1c, tmp_path / "out")


def test_a_truncated_l1c_raster_is_named(tmp_path):
    l1c = make_l1c(tmp_path)
    path = next(l1c.glob("GRANULE/*/IMG_DATA/*_B04.jp2"))
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(UnexpectedRaster, match=r"_B04\.jp2"):
        process(l1c, tmp_path / "out")


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real products in {REAL}")
def test_a_real_product_of_the_southern_hemisphere(tmp_path):
    """Its bands, 64 times too small, are set on a tile of 5.4 km at its own corner."""
    with zipfile.ZipFile(next(REAL.glob("*.zip"))) as archive:
        archive.extractall(tmp_path)
    l1c = next(tmp_path.glob("*.SAFE"))
    shrink_tile(l1c, side_m=5400)
    product = verify_output_of(l1c, tmp_path / "out")
    verify_bands(product)
    assert product.geocoding.epsg == 32756
    assert product.quality["GENERAL_QUALITY"] == "PASSED"
    assert product.failed_quality_checks == {}
    with rasterio.open(product.path / "MTD_MSIL2A.xml") as opened:
        assert len(opened.subdatasets) == 4
    assert len(content_digests(product)) == 12


def verify_output_of(l1c, target):
    process(l1c, target)
    return verify_output(target, read_l1c(l1c))


def shrink_tile(safe, side_m):
    """Metadata and rasters of a full tile become those of its measured corner."""
    metadata = next(safe.glob("GRANULE/*/MTD_TL.xml"))
    text = metadata.read_text()
    for gsd_m in (10, 20, 60):
        text = text.replace(f">{109_800 // gsd_m}<", f">{side_m // gsd_m}<")
    metadata.write_text(text)
    sizes = {"B01": 60, "B09": 60, "B10": 60} | dict.fromkeys(
        ("B05", "B06", "B07", "B8A", "B11", "B12"), 20
    )
    for path in safe.glob("GRANULE/*/IMG_DATA/*_B*.jp2"):
        gsd_m = sizes.get(path.stem[-3:], 10)
        n = side_m // gsd_m

        def enlarge(values, n=n):
            # Nearest neighbour: zoom into the pixels, nodata and all.
            index = np.arange(n) * values.shape[1] // n
            return values[:, index][:, :, index]

        with rasterio.open(path) as raster:
            corner = raster.transform.c, raster.transform.f
        transform = rasterio.Affine(gsd_m, 0, corner[0], 0, -gsd_m, corner[1])
        rewrite(path, enlarge, transform=transform)
