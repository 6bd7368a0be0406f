"""Pixels of a small area are those of the whole image, for a small share of it."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from ben_assets.bigearthnet.errors import UnexpectedRaster
from ben_assets.safe.jp2_area import PixelArea, cut_out
from ben_assets_tests.support.shared import SHARED, needs

SIDE = 1200
REAL = (
    "samples/safe/S2A_MSIL1C_20180101T105441_N0206_R051_T31TDH_20180101T124911/GRANULE/"
    "L1C_T31TDH_A013204_20180101T105435/IMG_DATA/T31TDH_20180101T105441_B01.jp2"
)


@dataclass
class Ranges:
    """The bytes of a file, and how many of them were read."""

    content: bytes
    read: list[tuple[int, int]] = field(default_factory=list)

    def __call__(self, start: int, length: int) -> bytes:
        assert 0 <= start < start + length <= len(self.content)
        self.read.append((start, length))
        return self.content[start : start + length]

    @property
    def share(self) -> float:
        return sum(length for _, length in self.read) / len(self.content)

    def area(self, *area: int) -> np.ndarray:
        size = len(self.content)
        return cut_out(self, size, PixelArea(*area), "B02.jp2").pixels()


def pixels() -> np.ndarray:
    return np.random.default_rng(7).integers(1, 9999, (SIDE, SIDE), dtype=np.uint16)


def image(folder: Path, **options: object) -> bytes:
    """An image of noise, with tiles of 1024 x 128 pixels where none are stated."""
    path = folder / "image.jp2"
    profile = {
        "driver": "JP2OpenJPEG",
        "dtype": "uint16",
        "count": 1,
        "height": SIDE,
        "width": SIDE,
        "crs": "EPSG:32633",
        "transform": Affine(10, 0, 300_000, 0, -10, 5_400_000),
        "blockysize": 128,
        "QUALITY": 100,
        "REVERSIBLE": "YES",
    }
    with rasterio.open(path, "w", **profile | options) as raster:
        raster.write(pixels(), 1)
    return path.read_bytes()


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> bytes:
    return image(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def listed(tmp_path_factory) -> bytes:
    return image(tmp_path_factory.mktemp("listed"), TLM="YES", PLT="YES")


AREAS = {
    "inside a tile": (120, 8, 120, 100),
    "over four tiles": (960, 60, 120, 120),
    "upper left": (0, 0, 120, 120),
    "lower right, where tiles are smaller": (1080, 1080, 120, 120),
    "one pixel": (1024, 128, 1, 1),
}


@pytest.mark.parametrize("area", AREAS.values(), ids=AREAS)
@pytest.mark.parametrize("kind", ["plain", "listed"])
def test_an_area_has_the_pixels_of_the_whole_image(request, kind, area):
    ranges = Ranges(request.getfixturevalue(kind))
    column, row, width, height = area
    expected = pixels()[row : row + height, column : column + width]
    np.testing.assert_array_equal(ranges.area(*area), expected)
    assert ranges.share < 0.25


def test_tile_parts_that_are_listed_are_not_looked_for(plain, listed):
    walk, table = Ranges(plain), Ranges(listed)
    walk.area(1080, 1080, 120, 120)
    table.area(1080, 1080, 120, 120)
    assert len(walk.read) == 1 + 20 + 2, "header, all tile parts, the two needed"
    assert len(table.read) == 1 + 2


def test_the_walk_ends_where_all_is_found(plain):
    ranges = Ranges(plain)
    ranges.area(0, 0, 120, 120)
    assert len(ranges.read) == 3


def test_a_header_longer_than_the_first_read_is_read_on(plain):
    ranges = Ranges(with_segment(plain, b"\xff\x64" + b"\xea\x60" + bytes(59_998)))
    np.testing.assert_array_equal(ranges.area(0, 0, 9, 9), pixels()[:9, :9])
    assert ranges.read[:2] == [(0, 16_384), (0, 65_536)]


def grown(content: bytes, at: int, more: bytes) -> bytes:
    """With more bytes at a place of the codestream, and the box as much longer."""
    box = content.index(b"jp2c") - 4
    (length,) = struct.unpack_from(">I", content, box)
    header = struct.pack(">I", length + len(more) if length else 0)
    return content[:box] + header + content[box + 4 : at] + more + content[at:]


def with_segment(content: bytes, segment: bytes) -> bytes:
    """With one more marker segment at the end of the main header."""
    return grown(content, content.index(b"\xff\x90"), segment)


def test_packed_packet_headers_need_the_whole_file(plain, monkeypatch):
    """No encoder here writes them, so that the bytes are asked for is what is seen."""
    ranges = Ranges(with_segment(plain, b"\xff\x60\x00\x03\x00"))
    with pytest.raises(UnexpectedRaster, match=r"B02\.jp2: cannot be decoded"):
        ranges.area(0, 0, 9, 9)
    assert ranges.read[-1] == (0, len(ranges.content))


def in_two_parts(content: bytes) -> bytes:
    """With the second half of tile 0 as a tile part of its own, after all others."""
    at = content.index(b"\xff\x90")
    (length,) = struct.unpack_from(">I", content, at + 6)
    half = length // 2
    first = struct.pack(">IBB", half, 0, 2)
    rest = content[at + half : at + length]
    second = b"\xff\x90" + struct.pack(">HHIBB", 10, 0, 14 + len(rest), 1, 2)
    content = content[: at + 6] + first + content[at + 12 :]
    content = grown(content, len(content) - 2, second + b"\xff\x93" + rest)
    box = content.index(b"jp2c") - 4
    whole = content[: at + half] + content[at + length :]
    (size,) = struct.unpack_from(">I", content, box)
    return whole[:box] + struct.pack(">I", size and size - len(rest)) + whole[box + 4 :]


def test_a_tile_of_several_parts_has_all_of_them(plain):
    ranges = Ranges(in_two_parts(plain))
    np.testing.assert_array_equal(ranges.area(0, 0, 9, 9), pixels()[:9, :9])


def test_a_tile_that_lacks_a_part_gives_no_pixels(plain):
    content = bytearray(plain)
    content[content.index(b"\xff\x90") + 11] = 2
    with pytest.raises(UnexpectedRaster, match=r"tile parts \{0: 1\} where \{0: 2\}"):
        Ranges(bytes(content)).area(0, 0, 9, 9)


@pytest.mark.parametrize(
    ("at", "change", "problem"),
    [
        (b"\xff\x90", b"\xff\x91", "no marker at byte"),
        (b"\xff\x51", b"\x00\x51", "no marker at byte"),
        (b"jp2c", b"free", "no image data"),
    ],
    ids=["tile part", "header", "box"],
)
def test_a_damaged_file_is_named(plain, at, change, problem):
    ranges = Ranges(plain.replace(at, change))
    with pytest.raises(UnexpectedRaster, match=problem):
        ranges.area(0, 0, 9, 9)


def test_an_area_that_leaves_the_image_is_refused(plain):
    with pytest.raises(UnexpectedRaster, match="leaves the image"):
        Ranges(plain).area(1150, 0, 120, 120)


def test_a_list_that_is_wrong_gives_no_pixels(listed):
    wrong = bytearray(listed)
    wrong[listed.index(b"\xff\x55") + 10] ^= 1  # length of the first part
    with pytest.raises(UnexpectedRaster, match="other bytes where its tile parts"):
        Ranges(bytes(wrong)).area(0, 1000, 9, 9)


@needs(REAL)
def test_an_area_of_a_real_band_takes_a_tenth_of_it():
    """Written by Kakadu: tiles of 192 pixels a side, one part each, no list of them."""
    path = SHARED / REAL
    ranges = Ranges(path.read_bytes())
    with rasterio.open(path) as raster:
        expected = raster.read(1)[360:380, 180:200]
    np.testing.assert_array_equal(ranges.area(180, 360, 20, 20), expected)
    assert ranges.share < 0.1
