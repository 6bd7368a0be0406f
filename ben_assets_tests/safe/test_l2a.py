"""What the metadata of an L2A product say, and what is refused in them."""

from __future__ import annotations

import shutil
import struct
from datetime import UTC, datetime
from xml.etree import ElementTree

import numpy as np
import pytest
import rasterio

from ben_assets.bigearthnet.bands import BANDS
from ben_assets.bigearthnet.errors import InvalidInput, UnexpectedRaster
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.product_names import ProductName
from ben_assets.bigearthnet.value_scale import ValueScale
from ben_assets.safe.band_rasters import require_measurements, verify_bands
from ben_assets.safe.l2a import Radiometry, quality_results, read_l2a
from ben_assets.safe.xml_files import MAX_BYTES
from ben_assets.synthetic.safe_description import ProductDescription
from ben_assets.synthetic.safe_writer import LOSSLESS_JP2, write_l2a_product

GRID = TileGeocoding(epsg=32633, ulx=300_000, uly=5_400_000, side_m=1_320)
NAME = "S2A_MSIL2A_20180718T101031_N9999_R022_T33UUP_20240101T000000"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    start = datetime(2018, 7, 18, 10, 10, 31, 26_000, tzinfo=UTC)
    description = ProductDescription(ProductName.parse(NAME), start, GRID, 16_035)
    bands = {
        band.name: np.ones((GRID.pixels(band.gsd_m),) * 2, np.uint16) for band in BANDS
    }
    return write_l2a_product(tmp_path_factory.mktemp("l2a"), description, bands)


@pytest.fixture
def safe(written, tmp_path):
    return shutil.copytree(written, tmp_path / written.name)


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_band_larger_than_its_pixels_is_not_decoded(safe):
    (path,) = safe.glob("GRANULE/*/IMG_DATA/R60m/*_B09_60m.jp2")
    junk = bytes(1 << 17)
    with path.open("ab") as file:
        file.write(struct.pack(">I4s", 8 + len(junk), b"free") + junk)
    with pytest.raises(
        UnexpectedRaster, match=r"_B09_60m.jp2: expected at most 66504 b"
    ):
        verify_bands(read_l2a(safe))


def rewrite(path, pixels):
    with rasterio.open(path) as raster:
        kept = ("driver", "width", "height", "count", "crs", "transform")
        profile = {name: raster.profile[name] for name in kept}
    path.unlink()
    profile |= {**LOSSLESS_JP2, "dtype": pixels.dtype}
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(pixels, 1)


def test_a_band_of_another_type_is_refused(safe):
    (path,) = safe.glob("GRANULE/*/IMG_DATA/R60m/*_B09_60m.jp2")
    rewrite(path, np.ones((22, 22), np.uint8))
    with pytest.raises(UnexpectedRaster, match=r"expected data type uint16, found ui"):
        verify_bands(read_l2a(safe))


def test_one_measured_pixel_is_enough(safe):
    (path,) = safe.glob("GRANULE/*/IMG_DATA/R10m/*_B02_10m.jp2")
    pixels = np.zeros((132, 132), np.uint16)
    rewrite(path, pixels)
    with pytest.raises(UnexpectedRaster, match="no measured pixel in B02"):
        require_measurements(read_l2a(safe))
    pixels[77, 33] = 1
    rewrite(path, pixels)
    require_measurements(read_l2a(safe))


def test_metadata_without_end_are_not_read(safe):
    path = safe / "MTD_MSIL2A.xml"
    with path.open("ab") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(InvalidInput, match=rf"at most {MAX_BYTES} bytes, found"):
        read_l2a(safe)


def quality(*stated):
    rows = "".join(
        f'<quality_check checkType="{name}">{result}</quality_check>'
        for name, result in stated
    )
    return quality_results(ElementTree.fromstring(f"<X>{rows}</X>"))


@pytest.mark.parametrize("results", [("PASSED", "FAILED"), ("FAILED", "PASSED")])
def test_of_two_results_of_a_quality_check_the_worse_counts(results):
    found = quality(*(("SENSOR_QUALITY", result) for result in results))
    assert found == {"SENSOR_QUALITY": "FAILED"}


def test_a_result_of_the_older_element_counts_beside_the_newer():
    root = ElementTree.fromstring(
        '<X><quality_check checkType="SENSOR_QUALITY">PASSED</quality_check>'
        "<Quality_Inspections><SENSOR_QUALITY_FLAG>FAILED</SENSOR_QUALITY_FLAG>"
        "</Quality_Inspections></X>"
    )
    assert quality_results(root) == {"SENSOR_QUALITY": "FAILED"}


@pytest.mark.parametrize(
    "check", ["GENERAL", "GEOMETRIC", "RADIOMETRIC", "SENSOR"], ids=str
)
def test_four_quality_checks_keep_labels_away_also_where_one_is_not_stated(safe, check):
    assert read_l2a(safe).failed_quality_checks == {}
    name = f"{check}_QUALITY"
    edit(safe / "MTD_MSIL2A.xml", f'"{name}">PASSED', f'"{name}">FAILED')
    assert read_l2a(safe).failed_quality_checks == {name: "FAILED"}
    edit(safe / "MTD_MSIL2A.xml", f'"{name}">FAILED', '"FORMAT_CORRECTNESS">PASSED')
    assert read_l2a(safe).failed_quality_checks == {name: "missing"}


def test_each_band_is_read_at_its_native_resolution(safe):
    files = read_l2a(safe).band_files
    found = {name: path.stem.rsplit("_", 2)[-2:] for name, path in files.items()}
    assert found == {band.name: [band.name, f"{band.gsd_m}m"] for band in BANDS}


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "MTD_MSIL2A.xml",
            "<SPECIAL_VALUE_INDEX>0<",
            "<SPECIAL_VALUE_INDEX>1<",
            "NODATA to be 0, found",
        ),
        ("MTD_TL.xml", "EPSG:32633", "EPSG:32632", "expected CRS EPSG:32633"),
        ("MTD_TL.xml", "_T33UUP_", "_T33UVP_", "granule of tile 33UUP, found 33UVP"),
        (
            "MTD_MSIL2A.xml",
            "<IMAGE_FILE>GRANULE/",
            "<IMAGE_FILE>GRANULE/../../",
            "image file outside of it",
        ),
        ("MTD_MSIL2A.xml", "<IMAGE_FILE>GRANULE/L2A_", "<IMAGE_FILE>GRANULE/x_", "2"),
        ("MTD_TL.xml", "<NROWS>132<", "<NROWS>131<", "found 131 rows, 132 columns"),
        ("MTD_TL.xml", "<YDIM>-10<", "<YDIM>10<", "found .* pixels of 10 m x 10 m"),
        ("MTD_TL.xml", "<ULX>300000<", "<ULX>300010<", "one square tile in all res"),
        ("MTD_TL.xml", "<ULX>300000<", "<ULX>300000.5<", "is not a whole number"),
        ("MTD_TL.xml", 'Size resolution="20', 'Size resolution="21', "no such element"),
        (
            "MTD_TL.xml",
            "<NROWS>132</NROWS><NCOLS>132<",
            "<NROWS>10981</NROWS><NCOLS>10981<",
            "expected 1 to 10980 columns at 10 m, found 10981",
        ),
        ("MTD_MSIL2A.xml", ">10000</BOA_", ">10000.5</BOA_", "whole, found 10000.5"),
        ("MTD_MSIL2A.xml", ">10000</BOA_", ">0</BOA_", "above 0, found 0"),
        (
            "MTD_MSIL2A.xml",
            "<QUANTIFICATION_VALUES_LIST>",
            '<BOA_ADD_OFFSET band_id="13">0</BOA_ADD_OFFSET>'
            "<QUANTIFICATION_VALUES_LIST>",
            "of band_id 0 to 12, found '13'",
        ),
    ],
    ids=[
        *("nodata", "zone", "tile", "outside", "two granules", "oblong", "south up"),
        *("shifted", "half a metre", "no size", "too large", "fraction", "zero"),
        "no band",
    ],
)
def test_contradicting_metadata_are_refused(safe, file, old, new, message):
    (path,) = safe.rglob(file)
    edit(path, old, new)
    with pytest.raises(InvalidInput, match=message):
        read_l2a(safe)


def test_digital_numbers_that_cannot_be_brought_to_a_scale_are_refused():
    offset = Radiometry("04.00", 10_000, {"B02": -1000, "B03": 0})
    with pytest.raises(InvalidInput, match=r"have an offset \(\[-1000, 0\], baseline"):
        offset.require_scale(NAME, ValueScale.BIGEARTHNET, needs_v1=True)
    offset.require_scale(NAME, ValueScale.BIGEARTHNET, needs_v1=False)
    other = Radiometry("02.06", 1_000, {"B02": 0, "B03": 0})
    with pytest.raises(InvalidInput, match="expected the quantification 10000 of"):
        other.require_scale(NAME, ValueScale.BIGEARTHNET, needs_v1=True)
    other.require_scale(NAME, ValueScale.AS_DELIVERED, needs_v1=True)
