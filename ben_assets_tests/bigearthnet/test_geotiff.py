from __future__ import annotations

import numpy as np
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from rasterio.io import MemoryFile

from ben_assets.bigearthnet.bands import BANDS
from ben_assets.bigearthnet.geotiff import (
    DEFLATED,
    UNCOMPRESSED,
    DeflatedTemplate,
    HeaderTemplate,
    encode,
)

SIZES = sorted({(band.gsd_m, band.patch_pixels) for band in BANDS})
corners = st.tuples(st.integers(0, 1_000_000), st.integers(0, 10_000_000))


@settings(max_examples=30)
@given(
    st.sampled_from(SIZES),
    st.sampled_from([32629, 32633, 32660, 32701, 32756]),
    corners,
    st.data(),
)
def test_the_template_gives_gdals_bytes(size, epsg, corner, data):
    gsd_m, n = size
    pixels = data.draw(
        arrays.arrays(
            np.uint16, (n, n), elements=st.integers(1, 65_535), fill=st.just(7)
        )
    )
    template = HeaderTemplate.make(epsg, gsd_m, n)
    expected = encode(pixels, epsg, corner, gsd_m, UNCOMPRESSED)
    assert template.encode(pixels, corner) == expected


def test_a_window_of_a_larger_raster_is_encoded_row_by_row():
    band = np.arange(240 * 240, dtype=np.uint16).reshape(240, 240) + 1
    window = band[120:, 60:180]
    template = HeaderTemplate.make(32633, 10, 120)
    content = template.encode(window, (300_000, 5_400_000))
    with MemoryFile(content) as file, file.open() as raster:
        assert raster.crs.to_epsg() == 32633
        assert raster.transform == Affine(10, 0, 300_000, 0, -10, 5_400_000)
        assert raster.dtypes == ("uint16",)
        assert raster.nodata == 0
        assert (raster.read(1) == window).all()


def test_a_10_m_patch_has_29196_bytes():
    """The size of the published files."""
    template = HeaderTemplate.make(32633, 10, 120)
    assert len(template.encode(np.ones((120, 120), np.uint16), (0, 0))) == 29_196


def test_a_reference_map_is_deflated_with_a_predictor(tmp_path):
    pixels = np.full((120, 120), 211, np.uint16)
    path = tmp_path / "map.tif"
    path.write_bytes(encode(pixels, 32633, (300_000, 5_400_000), 10, DEFLATED))
    with rasterio.open(path) as raster:
        assert raster.compression.value == "DEFLATE"
        assert raster.tags(ns="IMAGE_STRUCTURE")["PREDICTOR"] == "2"
        assert raster.nodata == 0
        assert (raster.read(1) == 211).all()


@settings(max_examples=30)
@given(st.sampled_from([32629, 32633, 32760]), corners, st.data())
def test_deflated_maps_are_gdals_bytes(epsg, corner, data):
    """Of few classes or many, in fields or pixel by pixel, and of nodata alone."""
    block = data.draw(st.sampled_from([1, 8, 40, 120]))
    n = 120 // block
    codes = st.sampled_from(data.draw(st.sampled_from([(0, 211), range(0, 65_536, 7)])))
    fields = data.draw(arrays.arrays(np.uint16, (n, n), elements=codes))
    pixels = np.kron(fields, np.ones((block, block), np.uint16))
    template = DeflatedTemplate.make(epsg, 10, 120)
    assert template.encode(pixels, corner) == encode(pixels, epsg, corner, 10, DEFLATED)


def test_a_template_of_another_zone_or_grid_does_not_serve():
    samples = [(np.full((120, 120), 211, np.uint16), (300_000, 5_400_000))]
    assert DeflatedTemplate.make(32633, 10, 120).serves(samples, 32633, 10)
    assert not DeflatedTemplate.make(32632, 10, 120).serves(samples, 32633, 10)
    assert not DeflatedTemplate.make(32633, 20, 120).serves(samples, 32633, 10)
