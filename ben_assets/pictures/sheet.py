"""A sheet that shows a tile: title, map with numbered patch grid, legend.

Belongs here: layout, text and encoding of pictures. Not here: what they show.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from ben_assets.bigearthnet.bands import PATCH_SIZE_M
from ben_assets.bigearthnet.patch_grid import TileGeocoding

MAX_BYTES: Final = 37_000
"""Size at which a picture, base64-coded, stays below 50 kB in Dagster's event log."""
MAP_PIXELS: Final = 546
"""Pixels that the patch grid takes at most along one side: 6 a cell of a full tile."""

WHITE: Final = (255, 255, 255)
INK: Final = (34, 34, 34)
_MARGIN: Final = 12
_TITLE_SIZE: Final = 16
_TEXT_SIZE: Final = 13
_LINE: Final = 17
_SWATCH: Final = 15
_LEGEND_CHARACTERS: Final = 41
_LEGEND_WIDTH: Final = 312
_TICK_WIDTH: Final = 22
_ITEM_GAP: Final = 5
_SHORTEST_COLUMN: Final = 600
_SHADES_BITS: Final = 3  # few shades of text, so that the palette has room
_LARGEST_CELL: Final = 88
_EVERY_CELL_UP_TO: Final = 25
_MAX_PALETTE: Final = 256
_PARTS: Final = (1.0, 0.85, 0.7, 0.5, 0.35, 0.2)


@dataclass(frozen=True)
class LegendItem:
    """One line of a legend."""

    text: str
    """What the swatch stands for."""
    swatch: Image.Image
    """A small sample of it."""


@dataclass(frozen=True)
class GridScale:
    """How a tile's patch grid is drawn."""

    geocoding: TileGeocoding
    """The tile."""
    cell_px: int
    """Pixels along one side of a cell."""

    @property
    def side_px(self) -> int:
        """Pixels along one side of the tile, the rest beyond the grid included."""
        return round(self.geocoding.side_m * self.cell_px / PATCH_SIZE_M)

    @property
    def step(self) -> int:
        """Cells from one numbered line to the next: 1, or 10 on large tiles."""
        return 1 if self.geocoding.cells <= _EVERY_CELL_UP_TO else 10

    def lines(self) -> list[int]:
        """Pixel offsets of the grid lines to draw, the outer ones included."""
        cells = self.geocoding.cells
        return sorted({i * self.cell_px for i in (*range(0, cells, self.step), cells)})

    def box(self, column: int, row: int) -> tuple[int, int, int, int]:
        """First and last pixel (left, top, right, bottom) of a cell."""
        left, top = column * self.cell_px, row * self.cell_px
        return left, top, left + self.cell_px - 1, top + self.cell_px - 1


def swatch(colour: tuple[int, int, int]) -> Image.Image:
    """A framed sample of a colour."""
    sample = Image.new("RGB", (_SWATCH, _SWATCH), colour)
    ImageDraw.Draw(sample).rectangle((0, 0, _SWATCH - 1, _SWATCH - 1), outline=INK)
    return sample


def grid_scales(geocoding: TileGeocoding) -> list[GridScale]:
    """Scales to try, from the one that shows most to one that always fits."""
    largest = min(_LARGEST_CELL, max(1, MAP_PIXELS // max(1, geocoding.cells)))
    return [GridScale(geocoding, max(1, int(largest * part))) for part in _PARTS]


def first_fitting(contents: Iterable[bytes]) -> bytes:
    """The first content of at most ``MAX_BYTES``, or the last one if none is."""
    content = b""
    for content in contents:
        if len(content) <= MAX_BYTES:
            break
    return content


def compose(
    title: str, picture: Image.Image, scale: GridScale, legend: Sequence[LegendItem]
) -> Image.Image:
    """Title on top, the picture with column and row numbers, the legend beside it."""
    top = _MARGIN + _TITLE_SIZE + 10 + _LINE
    left = _MARGIN + _TICK_WIDTH
    legend_left = left + picture.width + _MARGIN + 6
    columns = _columns(legend, max(picture.height, _SHORTEST_COLUMN))
    height = max(picture.height, *(sum(map(_height, items)) for items in columns))
    width = legend_left + len(columns) * _LEGEND_WIDTH
    sheet = Image.new("RGB", (width, top + height + _MARGIN), WHITE)
    sheet.paste(picture, (left, top))
    text = Image.new("L", sheet.size, 0)
    pen = ImageDraw.Draw(text)
    pen.text((left, _MARGIN), title, 255, font(_TITLE_SIZE))
    _draw_numbers(pen, scale, left, top)
    for number, items in enumerate(columns):
        _draw_legend(sheet, pen, items, legend_left + number * _LEGEND_WIDTH, top)
    sheet.paste(INK, mask=ImageOps.posterize(text, _SHADES_BITS))
    return sheet


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font: the same on every machine; it has ASCII only."""
    return ImageFont.load_default(size=size)


def _draw_numbers(
    pen: ImageDraw.ImageDraw, scale: GridScale, left: int, top: int
) -> None:
    for i in range(0, scale.geocoding.cells, scale.step):
        middle = i * scale.cell_px + scale.cell_px // 2
        text = f"{i:02d}"
        pen.text((left + middle, top - 5), text, 255, font(_TEXT_SIZE), anchor="ms")
        pen.text((left - 5, top + middle), text, 255, font(_TEXT_SIZE), anchor="rm")


def _columns(legend: Sequence[LegendItem], limit: int) -> list[list[LegendItem]]:
    columns: list[list[LegendItem]] = [[]]
    used = 0
    for item in legend:
        if columns[-1] and used + _height(item) > limit:
            columns.append([])
            used = 0
        columns[-1].append(item)
        used += _height(item)
    return columns


def _height(item: LegendItem) -> int:
    return len(_wrap(item.text)) * _LINE + _ITEM_GAP


def _draw_legend(
    sheet: Image.Image,
    pen: ImageDraw.ImageDraw,
    items: Sequence[LegendItem],
    left: int,
    top: int,
) -> None:
    for item in items:
        sheet.paste(item.swatch, (left, top))
        for number, line in enumerate(_wrap(item.text)):
            at = (left + _SWATCH + 8, top + number * _LINE)
            pen.text(at, line, 255, font(_TEXT_SIZE))
        top += _height(item)


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(text, _LEGEND_CHARACTERS)


def jpeg(picture: Image.Image, quality: int) -> bytes:
    """A picture as JPEG."""
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=quality, optimize=True)
    return content.getvalue()


def png(picture: Image.Image) -> bytes:
    """An RGB picture as PNG with its exact colours, by palette where it has few."""
    content = io.BytesIO()
    _with_palette(picture).save(content, "PNG", optimize=True)
    return content.getvalue()


def _with_palette(picture: Image.Image) -> Image.Image:
    pixels = np.asarray(picture, dtype=np.uint32)
    packed = pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]
    colours, indices = np.unique(packed, return_inverse=True)
    if len(colours) > _MAX_PALETTE:
        return picture
    indexed = Image.fromarray(indices.reshape(packed.shape).astype(np.uint8), "P")
    channels = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=-1)
    indexed.putpalette(channels.astype(np.uint8).tobytes())
    return indexed
