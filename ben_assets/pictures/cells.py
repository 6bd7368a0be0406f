"""Pictures of a tile's grid cells: split, validity, what is exported, and labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from ben_assets.bigearthnet.patch_grid import SPLITS, TileGeocoding, split_of_cell
from ben_assets.pictures.sheet import (
    INK,
    WHITE,
    GridScale,
    LegendItem,
    compose,
    first_fitting,
    font,
    grid_scales,
    png,
)

COLOUR_OF_SPLIT: Final = {
    "train": (86, 160, 211),
    "validation": (240, 170, 40),
    "test": (60, 170, 110),
}
"""Told apart by people with any colour vision (after Okabe and Ito)."""
_INVALID: Final = (214, 214, 214)
_CROSS: Final = (120, 120, 120)
_SAMPLE: Final = 15

Box = tuple[int, int, int, int]


def cell_picture(
    title: str,
    geocoding: TileGeocoding,
    valid: npt.NDArray[np.bool_],
    exported: npt.NDArray[np.bool_],
) -> bytes:
    """PNG of the patch grid; both arrays have the shape (rows, columns)."""
    legend = _legend(geocoding, valid, exported)

    def draw(scale: GridScale) -> bytes:
        picture = Image.new("RGB", (scale.side_px + 1, scale.side_px + 1), WHITE)
        pen = ImageDraw.Draw(picture)
        for x, y in geocoding.cell_names():
            paint = _painter(
                split_of_cell(geocoding, x, y), bool(valid[y, x]), bool(exported[y, x])
            )
            paint(pen, scale.box(x, y))
        return png(compose(title, picture, scale, legend))

    return first_fitting(draw(scale) for scale in grid_scales(geocoding))


def _painter(
    split: str, is_valid: bool, is_exported: bool
) -> Callable[[ImageDraw.ImageDraw, Box], None]:
    if not is_valid:
        return _paint_invalid
    return _paint_exported(split) if is_exported else _paint_left_out(split)


def _paint_invalid(pen: ImageDraw.ImageDraw, box: Box) -> None:
    left, top, right, bottom = box
    pen.rectangle(box, fill=_INVALID, outline=WHITE)
    pen.line((left + 1, top + 1, right - 1, bottom - 1), fill=_CROSS)
    pen.line((left + 1, bottom - 1, right - 1, top + 1), fill=_CROSS)


def _paint_exported(split: str) -> Callable[[ImageDraw.ImageDraw, Box], None]:
    def paint(pen: ImageDraw.ImageDraw, box: Box) -> None:
        side = box[2] - box[0]
        width = 3 if side > 2 * _SAMPLE else 1
        red, green, blue = colour = COLOUR_OF_SPLIT[split]
        dark = (red * 2 // 5, green * 2 // 5, blue * 2 // 5)
        pen.rectangle(box, fill=colour, outline=dark, width=width)

    return paint


def _paint_left_out(split: str) -> Callable[[ImageDraw.ImageDraw, Box], None]:
    red, green, blue = ((channel + 2 * 255) // 3 for channel in COLOUR_OF_SPLIT[split])

    def paint(pen: ImageDraw.ImageDraw, box: Box) -> None:
        pen.rectangle(box, fill=(red, green, blue), outline=WHITE)

    return paint


def _legend(
    geocoding: TileGeocoding,
    valid: npt.NDArray[np.bool_],
    exported: npt.NDArray[np.bool_],
) -> list[LegendItem]:
    split_of = {c: split_of_cell(geocoding, *c) for c in geocoding.cell_names()}
    left_out = valid & ~exported
    items = []
    for text, cells, paint in (
        ("exported", exported, _paint_exported),
        ("valid, not aligned with v1", left_out, _paint_left_out),
    ):
        for split in SPLITS:
            count = sum(
                bool(cells[y, x]) for (x, y), s in split_of.items() if s == split
            )
            if count:
                sample = _sample(paint(split))
                items.append(LegendItem(f"{split}, {text}: {count:,}", sample))
    n_invalid = int((~valid).sum())
    if n_invalid:
        text = f"invalid, has pixels without data: {n_invalid:,}"
        items.append(LegendItem(text, _sample(_paint_invalid)))
    return items


def _sample(paint: Callable[[ImageDraw.ImageDraw, Box], None]) -> Image.Image:
    sample = Image.new("RGB", (_SAMPLE, _SAMPLE), WHITE)
    paint(ImageDraw.Draw(sample), (0, 0, _SAMPLE - 1, _SAMPLE - 1))
    return sample


_BAR_COLOUR: Final = (31, 111, 160)
_TEXT_WIDTH: Final = 330
_BAR_WIDTH: Final = 300
_NUMBER_WIDTH: Final = 110
_LINE: Final = 22
_TOP: Final = 44
_MARGIN: Final = 12
_LONGEST: Final = 48


def label_picture(
    title: str,
    count_of_label: Mapping[str, int],
    patches: int,
    labels: Sequence[str],
) -> bytes:
    """PNG with one bar for each label, with its count and share.

    Args:
        title: headline.
        count_of_label: label to the number of patches that have it.
        patches: number of patches, of which the shares are.
        labels: all labels, from top to bottom.
    """
    width = 2 * _MARGIN + _TEXT_WIDTH + _BAR_WIDTH + _NUMBER_WIDTH
    sheet = Image.new("RGB", (width, _TOP + len(labels) * _LINE + _MARGIN), WHITE)
    pen = ImageDraw.Draw(sheet)
    pen.text((_MARGIN, _MARGIN), title, INK, font(16))
    start = _MARGIN + _TEXT_WIDTH
    most = max([1, *(count_of_label.get(label, 0) for label in labels)])
    for number, label in enumerate(labels):
        count = count_of_label.get(label, 0)
        middle = _TOP + number * _LINE + _LINE // 2
        pen.text((start - 8, middle), _short(label), INK, font(13), anchor="rm")
        end = start + round(_BAR_WIDTH * count / most)
        pen.rectangle((start, middle - 7, end, middle + 7), fill=_BAR_COLOUR)
        share = f"  ({count / patches:.0%})" if count else ""
        pen.text((end + 6, middle), f"{count:,}{share}", INK, font(13), anchor="lm")
    return png(sheet)


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST else f"{label.partition(',')[0]}, ..."
