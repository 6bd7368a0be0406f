"""What users bring is copied, verified on every way in, and never written to."""

from __future__ import annotations

import os
import re
import socket

import numpy as np
import pytest
import rasterio

from ben_assets.bigearthnet.errors import (
    BenError,
    ChecksumMismatch,
    CorruptProduct,
    InvalidInput,
    UnexpectedRaster,
)
from ben_assets.synthetic.safe_writer import LOSSLESS_JP2
from ben_assets.synthetic.tiles import DEMO_TILES
from ben_assets.validation.survey import find_differences
from ben_assets_tests.support.pipeline import (
    edit,
    flip,
    leaves_no_trace,
    replace_file,
)
from resources.data_root.stored_tiles import Snapshot
from resources.data_root.tile_files import Kind, still_verifies

SUMMER = DEMO_TILES[0]


def own_product(pipeline):
    """The L2A product of the tile, manifest and all, as a copy to corrupt."""
    acquisition = pipeline.tile(SUMMER.key).product.acquisition
    folder = pipeline.own_inputs("L2A")
    (found,) = folder.glob(f"*_{acquisition.sensing}_*_T{acquisition.mgrs}_*")
    return found


def s1_files(pipeline):
    return sorted(pipeline.own_inputs("S1").rglob("*_VV.tif"))


def second_s1_file(root):
    return sorted(root.rglob("*_VV.tif"))[1]


def rewrite(path, pixels, **changes):
    with rasterio.open(path) as raster:
        profile = {**raster.profile, **changes}
    path.unlink()
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(pixels, 1)


def test_band_rasters_are_held_against_the_manifest(pipeline):
    product = own_product(pipeline)
    (band,) = product.glob("GRANULE/*/IMG_DATA/R10m/*_B02_10m.jp2")
    flip(band, band.stat().st_size * 3 // 4)
    with leaves_no_trace(pipeline), pytest.raises(CorruptProduct) as error:
        pipeline.make("l2a_tiles", SUMMER.key)
    assert re.search(
        r"differs from its own manifest .*B02_10m.jp2: exp", str(error.value)
    )


def test_metadata_written_after_the_manifest_are_reported(pipeline):
    path = own_product(pipeline) / "MTD_MSIL2A.xml"
    replace_file(path, path.read_bytes() + b"<!-- later -->")
    record = pipeline.make("l2a_tiles", SUMMER.key)
    assert any("differ from the manifest: MTD_MSIL2A.xml" in s for s in pipeline.log)
    assert record.facts.manifest.verified > 12
    assert record.facts.manifest.unverified == []


def test_a_tile_without_a_measured_pixel_is_refused(pipeline):
    product = pipeline.product(SUMMER.key)
    for path in product.glob("GRANULE/*/IMG_DATA/R*m/*_B*m.jp2"):
        with rasterio.open(path) as raster:
            zeros = np.zeros(raster.shape, np.uint16)
        rewrite(path, zeros, **LOSSLESS_JP2)
    with pytest.raises(UnexpectedRaster, match="no measured pixel in B01, B02"):
        pipeline.make("l2a_tiles", SUMMER.key)


@pytest.mark.parametrize(
    "kind", ["fifo", "dangling", "device", "loop", "etc", "socket"]
)
def test_a_product_holds_files_and_directories_alone(pipeline, kind):
    product = own_product(pipeline)
    odd = product / "odd"
    targets = {
        "dangling": "/nowhere/x",
        "device": "/dev/zero",
        "loop": ".",
        "etc": "/etc",
    }
    if kind == "fifo":
        os.mkfifo(odd)
    elif kind == "socket":
        here = os.open(product, os.O_RDONLY)
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(f"/proc/self/fd/{here}/odd")
        os.close(here)
    else:
        odd.symlink_to(targets[kind])
    with (
        leaves_no_trace(pipeline),
        pytest.raises(InvalidInput, match=r"expected files and directories, .*'odd'"),
    ):
        pipeline.make("l2a_tiles", SUMMER.key)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("PRODUCT_URI>", "PRODUCT_URI_2A>"), "older than baseline 02.12"),
        (("START_TIME>2018", "START_TIME>2031"), "near the sensing time of the name"),
        (("<IMAGE_FILE>", "<IMAGE_FILE>/etc/"), "an image file outside of it"),
    ],
)
def test_metadata_of_something_else_are_refused(pipeline, change, says):
    path = pipeline.product(SUMMER.key) / "MTD_MSIL2A.xml"
    edit(path, *change)
    with leaves_no_trace(pipeline), pytest.raises(BenError, match=says):
        pipeline.make("l2a_tiles", SUMMER.key)


@pytest.mark.parametrize("value", ["inf", "nan", "9" * 5000, "\u0663", "1e9", ""])
@pytest.mark.parametrize("tag", ["ULX", "NROWS"])
def test_numbers_in_metadata_are_bounded(pipeline, tag, value):
    path = next(pipeline.product(SUMMER.key).glob("GRANULE/*/MTD_TL.xml"))
    text = re.sub(rf"<{tag}>[^<]*", f"<{tag}>{value}", path.read_text())
    replace_file(path, text.encode())
    with leaves_no_trace(pipeline), pytest.raises(InvalidInput, match=r"MTD_TL\.xml"):
        pipeline.make("l2a_tiles", SUMMER.key)


def test_sentinel_1_is_copied_and_all_is_read_only(pipeline):
    pipeline.make_tile(SUMMER.key, upto="aligned_dataset")
    files = list(pipeline.storage.folder("aligned_dataset").rglob("*.tif"))
    assert {path.stat().st_mode & 0o777 for path in files} == {0o444}
    links = {path.stat().st_nlink for path in files if "BigEarthNet-S1" in path.parts}
    assert links == {1}


@pytest.mark.parametrize(
    ("corrupt", "says"),
    [
        (lambda p: replace_file(p, b""), "found an empty file"),
        (lambda p: replace_file(p, bytes(2 << 20)), "expected at most 1048576 bytes"),
        (
            lambda p: replace_file(p, p.read_bytes()[:400]),
            "expected a GeoTIFF of one",
        ),
        (lambda p: replace_file(p, p.read_bytes()[:-300]), "expected a GeoTIFF of one"),
        (
            lambda p: rewrite(p, np.zeros((120, 120)), dtype="float64"),
            "expected data type float32, found float64",
        ),
        (
            lambda p: rewrite(p, np.full((120, 120), np.nan, np.float32)),
            "no measured pixel",
        ),
        (
            lambda p: rewrite(p, np.ones((60, 60), np.float32), width=60, height=60),
            "expected size",
        ),
        (
            lambda p: rewrite(p, np.ones((120, 120), np.float32), crs="EPSG:32632"),
            "expected CRS 32633, found 32632",
        ),
        (
            lambda p: replace_file(
                p, sorted(p.parents[1].rglob("*_VV.tif"))[1].read_bytes()
            ),
            "expected upper left corner",
        ),
    ],
    ids=[
        "empty",
        "large",
        "cut",
        "cut a little",
        "float64",
        "nan",
        "size",
        "crs",
        "place",
    ],
)
def test_damaged_sentinel_1_files_are_named(pipeline, corrupt, says):
    first = s1_files(pipeline)[0]
    pipeline.make_tile(SUMMER.key, upto="metadata_tables")
    corrupt(first)
    with pytest.raises(UnexpectedRaster, match=rf"{first.name}: .*{says}"):
        pipeline.make("aligned_dataset", SUMMER.key)


def test_a_source_that_changed_is_named_not_taken(pipeline):
    """Nor does a new run make the damage of the user's file true."""
    files = s1_files(pipeline)
    pipeline.make_tile(SUMMER.key, upto="aligned_dataset")
    used = pipeline.digests("aligned_dataset", SUMMER.key)
    source = next(path for path in files if path.stem in used)
    with rasterio.open(source) as raster:
        pixels = raster.read(1)
    rewrite(source, pixels + 1)
    assert list(find_differences(Snapshot(pipeline.data), deep=True)) == []
    with (
        leaves_no_trace(pipeline),
        pytest.raises(
            ChecksumMismatch, match=rf"{source.name}: expected sha256 .*FORCE"
        ),
    ):
        pipeline.make("aligned_dataset", SUMMER.key)
    pipeline.settings["BEN_FORCE"] = "1"
    record = pipeline.make("aligned_dataset", SUMMER.key)
    assert "BEN_S1_DIR" in record.made_from


def test_what_gdal_writes_beside_a_raster_is_no_damage(finished):
    folder = finished.storage.folder("l2a_tiles")
    band = next(folder.glob("*T33UUP*/GRANULE/*/IMG_DATA/R10m/*_B02_10m.jp2"))
    sidecar = band.with_name(f"{band.name}.aux.xml")
    sidecar.write_text("<PAMDataset/>")
    (found,) = find_differences(Snapshot(finished.data), deep=True)
    assert (found.kind, found.rebuilt_by) == (Kind.EXTRA, "")
    assert "GDAL" in found.detail
    assert still_verifies(finished.storage, "l2a_tiles", found.tile, print)
