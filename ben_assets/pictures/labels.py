"""Picture of how often each label occurs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from PIL import Image, ImageDraw

from ben_assets.pictures.sheet import INK, WHITE, font, png

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
