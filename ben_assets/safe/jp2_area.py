"""Pixels of a small area of a JPEG 2000 image, from the byte ranges that hold them.

A JPEG 2000 tile here is one of the independently coded rectangles of an image, 1024
pixels a side in 10 m bands of Sentinel-2. Those that cover the area become an image of
their own: same header, smaller size on the same grid, their tile parts renumbered. No
pixel is coded anew. Whole files are the business of ``jp2``.
Source: ISO/IEC 15444-1, annex A (SIZ, TLM and SOT marker segments) and annex B (grids).
"""

from __future__ import annotations

import io
import struct
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy.typing as npt
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import MemoryFile
from rasterio.windows import Window

from ben_assets.bigearthnet.errors import UnexpectedRaster
from ben_assets.safe.jp2 import (
    END_OF_CODESTREAM,
    IMAGE_AND_TILE_SIZE,
    START_OF_CODESTREAM,
    START_OF_TILE_PART,
    find_codestream,
)

ReadRange = Callable[[int, int], bytes]
"""Start and length to the bytes there."""

_HEAD_BYTES: Final = 16_384
"""Read first: boxes and main header of a Sentinel-2 band are smaller."""
_TILE_PART_LENGTHS: Final = b"\xff\x55"
_PACKED_HEADERS: Final = b"\xff\x60"
_ABOUT_PARTS: Final = (_TILE_PART_LENGTHS, b"\xff\x57")
"""TLM and PLM: lengths of tile parts and packets, untrue of a selection."""
_SOT: Final = struct.Struct(">2sHHIBB")
"""Marker, size of the segment, tile, bytes of the part, its number, parts in all."""
_TILE_OF_TLM: Final = {0: "", 1: "B", 2: "H"}
_LENGTH_OF_TLM: Final = {0: "H", 1: "I"}


@dataclass(frozen=True)
class PixelArea:
    """A rectangle of pixels of an image."""

    column: int
    """First column, from 0 at the left."""
    row: int
    """First row, from 0 at the top."""
    width: int
    """Columns."""
    height: int
    """Rows."""


@dataclass(frozen=True)
class _Grid:
    """Image and tile size (SIZ), in pixels of the reference grid."""

    right: int
    bottom: int
    left: int
    top: int
    tile_width: int
    tile_height: int
    tile_left: int
    tile_top: int

    @classmethod
    def of(cls, siz: bytes) -> Self:
        return cls(*struct.unpack_from(">8I", siz, 6))

    @property
    def columns(self) -> int:
        """Tiles in a row."""
        return -(-(self.right - self.tile_left) // self.tile_width)

    def covering(self, area: PixelArea) -> tuple[range, range]:
        """Rows and columns of the tiles that an area lies on.

        Raises:
            ValueError: it leaves the image.
        """
        x, y = self.left + area.column, self.top + area.row
        if x + area.width > self.right or y + area.height > self.bottom:
            raise ValueError(f"{area} leaves the image")
        x, y = x - self.tile_left, y - self.tile_top
        rows = range(y // self.tile_height, -(-(y + area.height) // self.tile_height))
        columns = range(x // self.tile_width, -(-(x + area.width) // self.tile_width))
        return rows, columns

    def cut(self, rows: range, columns: range) -> _Grid:
        """The image of these tiles alone, at its old place of the reference grid."""
        tile_left = self.tile_left + columns.start * self.tile_width
        tile_top = self.tile_top + rows.start * self.tile_height
        right = self.tile_left + columns.stop * self.tile_width
        bottom = self.tile_top + rows.stop * self.tile_height
        return replace(
            self,
            right=min(self.right, right),
            bottom=min(self.bottom, bottom),
            left=max(self.left, tile_left),
            top=max(self.top, tile_top),
            tile_left=tile_left,
            tile_top=tile_top,
        )

    def segment(self, siz: bytes) -> bytes:
        """``siz`` with these sizes."""
        sizes = struct.pack(">8I", *vars(self).values())
        return siz[:6] + sizes + siz[6 + len(sizes) :]


@dataclass(frozen=True)
class _Header:
    """The main header of a codestream, and where its tile parts lie in the file."""

    segments: tuple[bytes, ...]
    first_part: int
    end: int

    def all_of(self, marker: bytes) -> list[bytes]:
        return [segment for segment in self.segments if segment.startswith(marker)]


@dataclass(frozen=True)
class _TilePart:
    tile: int
    start: int
    length: int
    is_last: bool


@dataclass(frozen=True)
class Cutout:
    """The tiles that an area lies on, as an image of their own."""

    content: bytes
    """A codestream, or the whole file."""
    area: PixelArea
    """The area, counted from the first pixel of this image."""
    source: str
    """What to call the file in errors."""

    def pixels(self) -> npt.NDArray[Any]:
        """The first component in the area, shape (rows, columns).

        Equal to the same area of the whole image decoded.

        Raises:
            UnexpectedRaster: the tiles are damaged.
        """
        area = self.area
        window = Window(area.column, area.row, area.width, area.height)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                with MemoryFile(self.content) as memory, memory.open() as raster:
                    found: npt.NDArray[Any] = raster.read(1, window=window)
        except RasterioError as error:
            raise UnexpectedRaster(
                f"{self.source}: cannot be decoded: {error}"
            ) from error
        return found


def cut_out(read: ReadRange, size: int, area: PixelArea, source: str) -> Cutout:
    """Read what holds an area.

    Args:
        read: reads bytes of the JP2 file.
        size: bytes of the file.
        area: within the image.
        source: what to call the file in errors.

    Raises:
        UnexpectedRaster: not a JPEG 2000 file, damaged, or smaller than the area.
    """
    try:
        header = _read_header(read, size, source)
        if header.all_of(_PACKED_HEADERS):  # of all tiles; none is told apart
            return Cutout(read(0, size), area, source)
        return Cutout(*_selection(read, header, area), source)
    except (struct.error, ValueError, ArithmeticError, LookupError) as error:
        raise UnexpectedRaster(
            f"{source}: expected a JPEG 2000 file with {area}, found {error}"
        ) from error


def _selection(
    read: ReadRange, header: _Header, area: PixelArea
) -> tuple[bytes, PixelArea]:
    """A codestream that holds the area, and the area's place in it."""
    (siz,) = header.all_of(IMAGE_AND_TILE_SIZE)
    grid = _Grid.of(siz)
    rows, columns = grid.covering(area)
    wanted = [row * grid.columns + column for row in rows for column in columns]
    small = grid.cut(rows, columns)
    content = [START_OF_CODESTREAM, small.segment(siz)]
    content += [s for s in header.segments if s != siz and s[:2] not in _ABOUT_PARTS]
    parts = [read(p.start, p.length) for p in _parts_of(read, header, set(wanted))]
    content += [*_renumbered(parts, wanted), END_OF_CODESTREAM]
    column = grid.left + area.column - small.left
    row = grid.top + area.row - small.top
    return b"".join(content), replace(area, column=column, row=row)


def _read_header(read: ReadRange, size: int, source: str) -> _Header:
    """The main header, with as much read as it takes."""
    length = min(_HEAD_BYTES, size)
    while True:
        try:
            return _parse_header(read(0, length), size, source)
        except struct.error:
            if length == size:
                raise
            length = min(4 * length, size)


def _parse_header(head: bytes, size: int, source: str) -> _Header:
    """The main header in the first bytes of a file.

    Raises:
        struct.error: it goes on behind them.
    """
    start, length = find_codestream(io.BytesIO(head), size, source)
    at, segments = start + len(START_OF_CODESTREAM), []
    while head[at : at + 2] != START_OF_TILE_PART:
        marker, n_bytes = struct.unpack_from(">BxH", head, at)
        if marker != 0xFF:
            raise ValueError(f"no marker at byte {at}")
        struct.unpack_from(f"{n_bytes}x", head, at + 2)
        segments.append(head[at : at + 2 + n_bytes])
        at += 2 + n_bytes
    return _Header(tuple(segments), at, start + length - len(END_OF_CODESTREAM))


def _parts_of(
    read: ReadRange, header: _Header, wanted: set[int]
) -> Iterator[_TilePart]:
    """The tile parts of these tiles, looked for no longer than needed."""
    lists = header.all_of(_TILE_PART_LENGTHS)
    missing = set(wanted)
    for part in _listed(lists, header) if lists else _walked(read, header):
        if part.tile in wanted:
            yield part
            missing -= {part.tile} if part.is_last else set()
        if not missing:
            return


def _listed(lists: list[bytes], header: _Header) -> Iterator[_TilePart]:
    """All tile parts, as the TLM segments list them; which is last is not said."""
    at = header.first_part
    count = 0
    for segment in sorted(lists, key=lambda one: one[4]):
        sizes = segment[5]
        tile_format = _TILE_OF_TLM[sizes >> 4 & 3]
        entries = f">{tile_format}{_LENGTH_OF_TLM[sizes >> 6 & 1]}"
        for *tile, length in struct.iter_unpack(entries, segment[6:]):
            yield _TilePart(tile[0] if tile else count, at, length, is_last=False)
            at += length
            count += 1


def _walked(read: ReadRange, header: _Header) -> Iterator[_TilePart]:
    """All tile parts, each by the length that the one before states."""
    at = header.first_part
    while at < header.end:
        content = read(at, min(_SOT.size, header.end - at))
        marker, _, tile, length, number, count = _SOT.unpack(content)
        if marker != START_OF_TILE_PART:
            raise ValueError(f"no tile part at byte {at}")
        length = length or header.end - at
        yield _TilePart(tile, at, length, is_last=number + 1 == count)
        at += length


def _renumbered(parts: list[bytes], wanted: list[int]) -> Iterator[bytes]:
    """Tile parts under the new numbers of their tiles: the places in ``wanted``.

    Raises:
        ValueError: what was read is no tile part, or a tile lacks some.
    """
    found = Counter[int]()
    expected = dict.fromkeys(wanted, 1)
    for content in parts:
        marker, _, tile, _, _, count = _SOT.unpack_from(content)
        if marker != START_OF_TILE_PART or tile not in expected:
            raise ValueError("other bytes where its tile parts should be")
        found[tile] += 1
        expected[tile] = max(expected[tile], count)
        number = struct.pack(">HI", wanted.index(tile), len(content))
        yield content[:4] + number + content[10:]
    if found != expected:
        raise ValueError(f"tile parts {dict(found)} where {expected} are expected")
