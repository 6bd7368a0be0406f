from pathlib import Path

import pytest

from ben_assets.bigearthnet.errors import InvalidInput, MissingInput
from ben_assets.safe.l1c import read_l1c
from ben_assets_tests.support.l1c_products import GRID, NAME, l1c_description, make_l1c


@pytest.fixture
def safe(tmp_path):
    return make_l1c(tmp_path)


def edit(safe: Path, old: str, new: str, name: str = "MTD_MSIL1C.xml"):
    path = safe / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_an_l1c_product_is_read(safe):
    product = read_l1c(safe)
    description = l1c_description()
    assert product.name.name == NAME
    assert product.geocoding == GRID
    assert product.start_time == description.start_time
    assert product.absolute_orbit == 10317
    assert product.quality == description.quality
    assert product.quantification == 10_000
    assert set(product.offsets.values()) == {0.0}
    assert len(product.band_files) == 13
    for name, path in product.band_files.items():
        assert path.stem.endswith(f"_{name}")
        assert path.is_file()


def test_offsets_are_by_band(safe):
    """RADIO_ADD_OFFSET of baseline 04.00: band_id 8 is B8A."""
    offsets = '<X><RADIO_ADD_OFFSET band_id="8">-1000</RADIO_ADD_OFFSET></X>'
    edit(safe, "<QUANTIFICATION_VALUE", f"{offsets}<QUANTIFICATION_VALUE")
    product = read_l1c(safe)
    assert product.offsets["B8A"] == -1000
    assert sum(offset != 0 for offset in product.offsets.values()) == 1


@pytest.mark.parametrize(
    "stated",
    [
        "<SENSOR_QUALITY_FLAG>FAILED</SENSOR_QUALITY_FLAG>",
        '<quality_check checkType="SENSOR_QUALITY">FAILED</quality_check>',
    ],
    ids=["flag", "quality_check"],
)
def test_quality_is_understood_in_older_and_newer_words(safe, stated):
    edit(safe, "<SENSOR_QUALITY_FLAG>PASSED</SENSOR_QUALITY_FLAG>", stated)
    assert read_l1c(safe).quality["SENSOR_QUALITY"] == "FAILED"


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        (f"<PRODUCT_URI>{NAME}", "<PRODUCT_URI>S2A_x", InvalidInput, "is of S2A_x"),
        ("10000</QUANT", "0</QUANT", InvalidInput, "above 0"),
        ("10000</QUANT", "ten</QUANT", InvalidInput, "to be a number"),
        ("_B11<", "_B99<", MissingInput, "band files missing: B11"),
    ],
)
def test_contradicting_metadata_are_refused(safe, old, new, error, message):
    edit(safe, old, new)
    with pytest.raises(error, match=message):
        read_l1c(safe)


def test_a_missing_band_is_named(safe):
    next(safe.glob("GRANULE/*/IMG_DATA/*_B8A.jp2")).unlink()
    with pytest.raises(MissingInput, match=r"band files missing: B8A"):
        read_l1c(safe)
