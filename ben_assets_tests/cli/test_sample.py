"""``ben sample``: a patch's place by byte ranges, from a bucket on loopback."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ben_assets.bigearthnet.errors import (
    ChangedUpstream,
    CorruptProduct,
    InvalidInput,
    ProductGone,
    ServiceUnavailable,
)
from ben_assets.bigearthnet.product_names import ProductName
from ben_assets.cli import app
from ben_assets.pictures.quicklook import true_colour
from ben_assets.steps.samples import take_sample
from ben_assets.testing.bucket_server import BucketServer
from ben_assets.testing.cdse_faults import Fault
from ben_assets_tests.support.l1c_products import (
    GRID,
    L2A_STEM,
    NAME,
    l1c_description,
    make_l1c,
    pixels,
)
from resources.gcs import Gcs, GcsOptions
from resources.transfers.timeouts import Timeouts

SIDE_M = 12_000
CELL = (9, 9)
PRODUCT = ProductName.parse(NAME)
HASTE = Timeouts(first_wait_seconds=0.001, longest_wait_seconds=0.01)
"""It ends by the number of failures, however slow this machine is."""


@pytest.fixture(scope="module")
def products(tmp_path_factory) -> Path:
    """An L1C product of 12 km a side, each 10 m band in four JPEG 2000 tiles."""
    folder = tmp_path_factory.mktemp("products")
    make_l1c(folder, l1c_description(grid=replace(GRID, side_m=SIDE_M)))
    return folder


@pytest.fixture
def bucket(products) -> Iterator[BucketServer]:
    with BucketServer(products) as running:
        yield running


@pytest.fixture
def gcs(bucket, tmp_path) -> Gcs:
    return Gcs(GcsOptions(tmp_path, bucket.url, HASTE), lambda line: None)


def patch(band_m: int = 10) -> np.ndarray:
    column, row = (1200 // band_m * at for at in CELL)
    side = 1200 // band_m
    return pixels(band_m, SIDE_M)[row : row + side, column : column + side]


def band_of(bucket: BucketServer, band: str) -> str:
    (key,) = (key for key in bucket.objects if key.endswith(f"_{band}.jp2"))
    return key


def test_a_sample_has_the_pixels_of_the_product_for_a_share_of_its_bytes(gcs, bucket):
    told: list[str] = []
    taken = take_sample(gcs, PRODUCT, *CELL, told.append)
    assert sorted(told) == ["B02", "B03", "B04"]
    for band in taken.bands:
        np.testing.assert_array_equal(band, patch())
    assert taken.geocoding == replace(GRID, side_m=SIDE_M)
    assert taken.n_bytes < taken.files_bytes
    ranges = [re.fullmatch(r"bytes=(\d+)-(\d+)", one) for one in bucket.seen.ranges]
    asked = sum(int(one[2]) - int(one[1]) + 1 for one in ranges if one)
    metadata = sum(
        stored.size
        for key, stored in bucket.objects.items()
        if key.endswith(("MTD_TL.xml", "MTD_MSIL1C.xml"))
    )
    assert asked == taken.n_bytes + metadata, "nothing else was read"
    assert taken.n_requests == len(ranges) - 2


def test_an_offset_is_taken_off_before_it_is_shown(gcs, bucket):
    (key,) = (key for key in bucket.objects if key.endswith("MTD_MSIL1C.xml"))
    stored = bucket.objects[key]
    offset = b'<RADIO_ADD_OFFSET band_id="1">-1000</RADIO_ADD_OFFSET>'
    assert isinstance(stored.content, Path)
    content = stored.content.read_bytes()
    end = content.index(b"</Product_Image_Characteristics>")
    content = content[:end] + offset + content[end:]
    bucket.objects[key] = type(stored).of(content)
    red, green, blue = take_sample(gcs, PRODUCT, *CELL).bands
    np.testing.assert_array_equal(blue, patch() - 1000)
    np.testing.assert_array_equal(red, green)


def test_a_bucket_that_fails_once_is_asked_again(gcs, bucket):
    bucket.script.add("object", Fault(status=503))
    taken = take_sample(gcs, PRODUCT, *CELL)
    np.testing.assert_array_equal(taken.bands[0], patch())


@pytest.mark.parametrize(
    ("damage", "error", "problem"),
    [
        ("changed", ChangedUpstream, "changed since it was listed"),
        ("longer", ServiceUnavailable, r"expected bytes 0-\d+/\d+, found bytes 0-"),
        ("absent", CorruptProduct, r"expected one file .*_B03.*, found 0"),
    ],
)
def test_a_file_that_is_not_as_listed_is_named(gcs, bucket, damage, error, problem):
    key = band_of(bucket, "B03")
    stored = bucket.objects[key]
    if damage == "changed":
        bucket.objects[key] = replace(stored, version="1" * 32)
    elif damage == "longer":
        bucket.objects[key] = replace(stored, size=stored.size + 1)
    else:
        del bucket.objects[key]
    with pytest.raises(error, match=problem):
        take_sample(gcs, PRODUCT, *CELL)


def test_what_the_bucket_has_not_is_said(gcs):
    other = ProductName.parse(NAME.replace("33UUP", "33UVP"))
    with pytest.raises(ProductGone, match="has no files at tiles/33/U/VP/"):
        take_sample(gcs, other, 0, 0)
    with pytest.raises(InvalidInput, match="expected a cell 00_00 to 09_09"):
        take_sample(gcs, PRODUCT, 3, 10)


def test_the_command_writes_a_picture_and_says_what_it_is(
    bucket, tmp_path, monkeypatch
):
    monkeypatch.setenv("BEN_GCS_URL", bucket.url)
    monkeypatch.setenv("BEN_DATA_DIR", str(tmp_path))
    path = tmp_path / "patch.png"
    done = CliRunner().invoke(
        app, ["sample", f"{L2A_STEM}_09_09", "--output", str(path)]
    )
    assert done.exit_code == 0, done.output
    with Image.open(path) as picture:
        shown = np.asarray(picture.convert("RGB"))[::4, ::4]
    np.testing.assert_array_equal(shown, true_colour(patch(), patch(), patch()))
    product, sensed, place, read, last = done.output.splitlines()
    assert product.startswith(f"product  {NAME} (top-of-atmosphere reflectance")
    assert sensed == "sensed   2017-06-13 10:10:31 UTC"
    assert place == (
        "place    column 9, row 9 of T33UUP, split train; EPSG:32633, upper left "
        "corner (310800, 5389200), 1200 m a side"
    )
    assert bucket.url in read
    assert last == f"picture of {L2A_STEM}_09_09: {path}"


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["T33UUP"], "a patch id is such as"),
        (["T33UUQ_20170613T101031_01_01"], "did you mean T33UUP_20170613T101031"),
        (["T33UUP_01_01", "--product", NAME.replace("33UUP", "33UVP")], "MGRS tile"),
        (["T33UUP_01_01", "--product", "S2A"], "is not a Sentinel-2 product name"),
    ],
    ids=["no cell", "near miss", "another place", "no product"],
)
def test_what_is_no_patch_is_refused(arguments, advice):
    done = CliRunner().invoke(app, ["sample", *arguments])
    assert done.exit_code == 2
    assert advice in " ".join(done.output.replace("│", " ").split())
