"""A JPEG 2000 file that is not whole is never taken for one."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from ben_assets.bigearthnet.errors import UnexpectedRaster
from ben_assets.safe.jp2 import codestream_digest

TILE_PART = b"\xff\x90"


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """Four tiles of 64 x 64 pixels, written by GDAL."""
    path = tmp_path_factory.mktemp("jp2") / "whole.jp2"
    pixels = np.random.default_rng(5).integers(1, 9999, (128, 128), dtype=np.uint16)
    profile = {
        "driver": "JP2OpenJPEG",
        "dtype": "uint16",
        "count": 1,
        "height": 128,
        "width": 128,
        "crs": "EPSG:32633",
        "transform": Affine(10, 0, 300_000, 0, -10, 5_400_000),
        "blockxsize": 64,
        "blockysize": 64,
        "QUALITY": 100,
        "REVERSIBLE": "YES",
    }
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(pixels, 1)
    return path


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_the_digest_is_that_of_the_image_data_alone(whole, tmp_path):
    content = whole.read_bytes()
    at = content.index(b"jp2c") - 4
    more = struct.pack(">I4s", 12, b"free") + b"note"
    other = write(tmp_path / "other.jp2", content[:at] + more + content[at:])
    assert codestream_digest(other) == codestream_digest(whole)


def test_a_changed_pixel_changes_the_digest(whole, tmp_path):
    content = bytearray(whole.read_bytes())
    content[-40] ^= 1
    assert codestream_digest(write(tmp_path / "x.jp2", content)) != codestream_digest(
        whole
    )


@pytest.mark.parametrize("share", [0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_is_refused(whole, tmp_path, share):
    content = whole.read_bytes()
    cut = write(tmp_path / "cut.jp2", content[: int(len(content) * share)])
    with pytest.raises(UnexpectedRaster, match=r"cut\.jp2: "):
        codestream_digest(cut)


def test_a_file_without_its_last_marker_is_refused(whole, tmp_path):
    """As a download leaves that was filled up to its full length."""
    filled = write(tmp_path / "filled.jp2", whole.read_bytes()[:-2] + bytes(2))
    with pytest.raises(UnexpectedRaster, match="no end-of-codestream marker"):
        codestream_digest(filled)


def test_a_hole_that_ends_as_a_whole_file_does_is_refused(whole, tmp_path):
    """As a download leaves that lost a piece in the middle."""
    content = whole.read_bytes()
    at, length = len(content) // 2, 100
    box = content.index(b"jp2c") - 4
    size = struct.unpack_from(">I", content, box)[0]
    shorter = struct.pack(">I", size - length) if size else content[box : box + 4]
    holed = content[:box] + shorter + content[box + 4 : at] + content[at + length :]
    with pytest.raises(UnexpectedRaster, match="tile parts do not join"):
        codestream_digest(write(tmp_path / "holed.jp2", holed))


def test_a_tile_that_is_not_there_at_all_is_refused(whole, tmp_path):
    content = whole.read_bytes()
    box = content.index(b"jp2c") - 4
    first = content.index(TILE_PART, box)
    length = struct.unpack_from(">I", content, first + 6)[0]
    without = bytearray(content[:first] + content[first + length :])
    size = struct.unpack_from(">I", without, box)[0]
    struct.pack_into(">I", without, box, size - length if size else 0)
    with pytest.raises(UnexpectedRaster, match="1 of its tiles are missing"):
        codestream_digest(write(tmp_path / "without.jp2", bytes(without)))


def test_another_format_is_refused(tmp_path):
    page = write(tmp_path / "B02.jp2", b"<html>sign in</html>" * 10)
    with pytest.raises(UnexpectedRaster, match="not a JPEG 2000 file"):
        codestream_digest(page)
