"""Files are what GDAL says they are, whether it was asked or not."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from affine import Affine
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from ben_assets.bigearthnet.errors import UnexpectedRaster
from ben_assets.bigearthnet.geotiff_reading import GeotiffReader, OneBand

SIDE, STRIPS = 12, 4
pytestmark = pytest.mark.filterwarnings(
    "ignore::rasterio.errors.NotGeoreferencedWarning"
)
LAYOUTS = {
    "patch": {},
    "Sentinel-1": {"dtype": "float32", "nodata": None},
    "bytes": {"dtype": "uint8"},
    "south": {"crs": "EPSG:32733"},
    "no CRS": {"crs": None},
    "wide": {"width": 20},
}
"""Known from their first file on."""
OTHERS = {
    "deflated": {"compress": "deflate", "predictor": 2},
    "big-endian": {"ENDIANNESS": "BIG"},
    "tiled": {
        **{"tiled": True, "blockxsize": 16, "blockysize": 16},
        **{"width": 32, "height": 32},
    },
    "rotated": {"transform": Affine(10, 1, 300_000, 1, -10, 5_400_000)},
    "pixel is point": {"AREA_OR_POINT": "Point"},
}
"""GDAL reads each of them."""


def geotiff(
    seed: int, corner: tuple[float, float] = (300_000, 5_400_000), **options: object
) -> bytes:
    """A file of one band with pixels of its own."""
    profile = {
        "driver": "GTiff",
        "dtype": "uint16",
        "count": 1,
        "width": SIDE,
        "height": SIDE,
        "crs": "EPSG:32633",
        "nodata": 0,
        "transform": Affine(10, 0, corner[0], 0, -10, corner[1]),
        **options,
    }
    tags = {"AREA_OR_POINT": profile.pop("AREA_OR_POINT", "Area")}
    shape = (profile["count"], profile["height"], profile["width"])
    pixels = np.random.default_rng(seed).integers(1, 255, shape)
    with MemoryFile() as memory:
        with memory.open(**profile) as raster:
            raster.update_tags(**tags)
            raster.write(pixels.astype(profile["dtype"]))
        return bytes(memory.read())


def by_gdal(content: bytes) -> OneBand:
    with MemoryFile(content) as memory, memory.open(driver="GTiff") as raster:
        at = raster.transform
        epsg = raster.crs.to_epsg() if raster.crs else None
        return OneBand(raster.read(1), (at.c, at.f), (at.a, at.e), epsg)


def require_same(found: OneBand, expected: OneBand) -> None:
    assert found.pixels.dtype == expected.pixels.dtype
    assert np.array_equal(found.pixels, expected.pixels)
    assert (found.corner, found.pixel_size, found.epsg) == (
        expected.corner,
        expected.pixel_size,
        expected.epsg,
    )


def is_part_of(raster: OneBand, content: bytes) -> bool:
    """Whether the pixels were taken from the file as they lie in it."""
    return np.shares_memory(raster.pixels, np.frombuffer(content, np.uint8))


@pytest.mark.parametrize("layout", [*LAYOUTS, *OTHERS])
def test_each_file_is_read_as_gdal_reads_it(layout):
    options, reader = (LAYOUTS | OTHERS)[layout], GeotiffReader()
    for seed, corner in enumerate([(300_000, 5_400_000), (0, 0.5), (7e5, 1e7)]):
        content = geotiff(seed, corner, **options)
        found = reader.read(content)
        require_same(found, by_gdal(content))
        assert is_part_of(found, content) == (layout in LAYOUTS and seed > 0)


def test_files_of_one_size_but_other_headers_take_turns():
    reader = GeotiffReader()
    kinds = ({}, {"dtype": "int16"}, {"crs": "EPSG:32632"})
    for seed in range(9):
        content = geotiff(seed, **kinds[seed % 3])
        require_same(reader.read(content), by_gdal(content))


def test_whatever_byte_of_a_header_changes_gdal_decides():
    reader = GeotiffReader()
    n_header = len(geotiff(1)) - SIDE * SIDE * 2
    n_refused = 0
    for at in range(n_header):
        reader.read(geotiff(1))
        content = bytearray(geotiff(2))
        content[at] ^= 0x41
        try:
            found = reader.read(bytes(content))
        except UnexpectedRaster:
            n_refused += 1
            assert not is_one_band(bytes(content))
        else:
            require_same(found, by_gdal(bytes(content)))
    assert 0 < n_refused < n_header


def is_one_band(content: bytes) -> bool:
    """Whether GDAL reads a file, and finds one band in it."""
    try:
        with MemoryFile(content) as memory, memory.open(driver="GTiff") as raster:
            raster.read(1)
            return bool(raster.count == 1)
    except RasterioError:
        return False


@pytest.mark.parametrize("kept", [0, 1, 100, -1, -100])
@pytest.mark.parametrize("layout", ["patch", "deflated"])
def test_a_file_cut_short_is_refused(layout, kept):
    reader, content = GeotiffReader(), geotiff(1, **(LAYOUTS | OTHERS)[layout])
    reader.read(content)
    with pytest.raises(UnexpectedRaster, match="expected a GeoTIFF of one band"):
        reader.read(content[:kept])


def test_a_layout_that_only_seems_known_is_left_to_gdal():
    """All strips of the first file are one strip, of which all pixels are equal."""
    header = geotiff(1, height=STRIPS * SIDE, blockysize=SIDE)[
        : -STRIPS * SIDE * SIDE * 2
    ]
    (offsets,) = (
        at
        for at in range(len(header) - 4 * STRIPS)
        if struct.unpack_from("<I", header, at) == (len(header),)
    )
    header = bytearray(header)
    struct.pack_into(f"<{STRIPS}I", header, offsets, *[len(header)] * STRIPS)
    reader = GeotiffReader()
    for pixels in (np.ones(STRIPS * SIDE * SIDE), np.arange(STRIPS * SIDE * SIDE)):
        content = bytes(header) + pixels.astype("<u2").tobytes()
        require_same(reader.read(content), by_gdal(content))


def test_a_small_file_that_states_many_pixels_is_refused():
    content = geotiff(1)
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            dtype="uint8",
            count=1,
            width=99_000,
            height=99_000,
            sparse_ok=True,
            compress="deflate",
        ):
            pass
        content = bytes(memory.read())
    with pytest.raises(UnexpectedRaster, match="found 1 bands of 99000 x 99000"):
        GeotiffReader().read(content)


def test_two_bands_and_other_formats_are_refused():
    reader = GeotiffReader()
    with pytest.raises(UnexpectedRaster, match="found 2 bands of 12 x 12"):
        reader.read(geotiff(1, count=2))
    picture = geotiff(1, driver="PNG", dtype="uint8")
    with pytest.raises(UnexpectedRaster, match="expected a GeoTIFF"):
        reader.read(picture)


def test_a_known_file_with_bytes_behind_it_is_left_to_gdal():
    """Tools append; what GDAL makes of it counts."""
    reader = GeotiffReader()
    reader.read(geotiff(1))
    content = geotiff(2) + b"more"
    found = reader.read(content)
    require_same(found, by_gdal(content))
    assert not is_part_of(found, content)
