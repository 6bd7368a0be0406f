"""JPEG 2000 files: the codestream inside, whether it is whole, and its digest.

A decoder may fill what is missing with zeros, which here mean "not measured"; so that
nothing is missing is verified from the codestream itself.
Source: ISO/IEC 15444-1, annex A (markers) and annex I (boxes).
"""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import BinaryIO, Final

from ben_assets.bigearthnet.errors import UnexpectedRaster
from ben_assets.bigearthnet.plain_files import open_plain
from ben_assets.safe.file_digests import CHUNK

START_OF_CODESTREAM: Final = b"\xff\x4f"
END_OF_CODESTREAM: Final = b"\xff\xd9"
IMAGE_AND_TILE_SIZE: Final = b"\xff\x51"
START_OF_TILE_PART: Final = b"\xff\x90"
_SIGNATURE: Final = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_MAX_TILES: Final = 65_535


def codestream_digest(path: Path) -> str:
    """SHA-256 of the image data of a JP2 file, without its metadata boxes.

    Raises:
        UnexpectedRaster: not a JP2 file, or one that is cut short.
    """
    start, left = codestream_range(path)
    digest = hashlib.sha256()
    with open_plain(path) as file:
        file.seek(start)
        while left:
            chunk = file.read(min(left, CHUNK))
            digest.update(chunk)
            left -= len(chunk)
    return digest.hexdigest()


def codestream_range(path: Path) -> tuple[int, int]:
    """Offset and length of the image data of a JP2 file, which is whole.

    Raises:
        UnexpectedRaster: not a JP2 file, or one that is cut short.
    """
    size = path.stat().st_size
    with open_plain(path) as file:
        start, length = find_codestream(file, size, str(path))
        if _read_at(file, start, 2) != START_OF_CODESTREAM:
            raise UnexpectedRaster(
                f"{path}: no JPEG 2000 codestream; get the file again"
            )
        end = start + length
        if end > size or _read_at(file, end - 2, 2) != END_OF_CODESTREAM:
            raise _cut_short(path, "its image data have no end-of-codestream marker")
        try:
            missing = _missing_tiles(file, start, end)
        except (struct.error, ValueError, ArithmeticError) as error:
            raise _cut_short(path, f"its tile parts do not join ({error})") from error
    if missing:
        raise _cut_short(path, f"{len(missing)} of its tiles are missing")
    return start, length


def _cut_short(path: Path, how: str) -> UnexpectedRaster:
    return UnexpectedRaster(
        f"{path}: JPEG 2000 file is cut short or damaged: {how}; get the product again"
    )


def _read_at(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)


def _missing_tiles(file: BinaryIO, start: int, end: int) -> set[int]:
    """Numbers of the tiles that have no tile part, by a walk from part to part.

    Args:
        file: the JP2 file.
        start: where its codestream starts.
        end: where it ends.

    Raises:
        ValueError: a tile part does not end where the next one starts.
        struct.error: the codestream ends within a marker.
        ArithmeticError: tiles of size 0.
    """
    at, tiles = start + 2, set[int]()
    while (marker := _read_at(file, at, 2)) != START_OF_TILE_PART:
        if marker == IMAGE_AND_TILE_SIZE:
            tiles = set(range(_count_tiles(_read_at(file, at + 6, 32))))
        at += 2 + struct.unpack(">H", _read_at(file, at + 2, 2))[0]
    last = end - len(END_OF_CODESTREAM)
    while at < last:
        if _read_at(file, at, 2) != START_OF_TILE_PART:
            raise ValueError(f"none starts at byte {at - start}")
        tile, length = struct.unpack(">HI", _read_at(file, at + 4, 6))
        tiles.discard(tile)
        at = at + length if length else last
    if at > last:
        raise ValueError(f"the last one lacks {at - last} bytes")
    return tiles


def _count_tiles(sizes: bytes) -> int:
    """Number of tiles by the sizes of the SIZ marker segment."""
    x, y, _, _, tile_x, tile_y, first_x, first_y = struct.unpack(">8I", sizes)
    count: int = -(-(x - first_x) // tile_x) * -(-(y - first_y) // tile_y)
    if not 0 < count <= _MAX_TILES:
        raise ValueError(f"{count} tiles")
    return count


def find_codestream(file: BinaryIO, size: int, source: str) -> tuple[int, int]:
    """Offset and length of the content of the first ``jp2c`` box.

    Args:
        file: the JP2 file, or as much of its start as holds the box's header.
        size: bytes of the whole file.
        source: what to call it in errors.

    Raises:
        UnexpectedRaster: not a JP2 file, or one without image data.
        struct.error: ``file`` ends before that box.
    """
    if file.read(len(_SIGNATURE)) != _SIGNATURE:
        raise UnexpectedRaster(
            f"{source}: not a JPEG 2000 file ({size} bytes); get the product again"
        )
    at = 0
    while at + 8 <= size:
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        header = 8
        if length == 1:
            length, header = struct.unpack(">Q", file.read(8))[0], 16
        elif length == 0:
            length = size - at
        if kind == b"jp2c":
            return at + header, length - header
        at += max(length, 8)
    raise UnexpectedRaster(
        f"{source}: JPEG 2000 file is cut short: no image data in its {size} bytes; "
        "get the product again"
    )
