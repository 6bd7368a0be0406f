"""The 19 classes as numbers: two orders of labels, a map of class numbers, colours.

Paper order is the order of CORINE codes (BigEarthNet paper, torchgeo); ConfigILM sorts
the class names. Both are in use, so whoever publishes a vector of labels says which.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from ben_assets.bigearthnet.corine import CLC2018, CODES, LABEL_OF_CODE, LABELS

PAPER_ORDER: Final = LABELS
"""The 19 classes by CORINE code."""
ALPHABETICAL_ORDER: Final = tuple(sorted(LABELS))
"""The 19 classes by name."""
NO_CLASS: Final = 255
"""Value of a 19-class map where a pixel belongs to none of the 19 classes."""

_NUMBER_OF: Final = {label: number for number, label in enumerate(PAPER_ORDER)}


def _lookup_table() -> npt.NDArray[np.uint8]:
    table = np.full(1 << 16, NO_CLASS, np.uint8)
    for code, label in LABEL_OF_CODE.items():
        table[code] = _NUMBER_OF[label]
    return table


_CLASS_OF_CODE: Final = _lookup_table()


def class_numbers(labels: Iterable[str]) -> list[int] | None:
    """Places of labels in paper order, ascending; None if one is not of the 19.

    >>> class_numbers(["Urban fabric", "Arable land", "Pastures"])
    [0, 2, 4]
    >>> class_numbers(["Lava"]) is None
    True
    """
    found = [_NUMBER_OF.get(label) for label in labels]
    numbers = [number for number in found if number is not None]
    return sorted(numbers) if len(numbers) == len(found) else None


def class_map(codes: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
    """The 19-class map of a reference map.

    Args:
        codes: uint16 CORINE codes, any shape.

    Returns:
        uint8 of the same shape: place in paper order, 255 for none.
    """
    return _CLASS_OF_CODE[codes]


def describe_classes() -> dict[str, object]:
    """The content of ``classes.json``: both orders, codes and colours."""
    return {
        "paper_order": list(PAPER_ORDER),
        "alphabetical_order": list(ALPHABETICAL_ORDER),
        "no_class": NO_CLASS,
        "classes": [_describe(label) for label in PAPER_ORDER],
        "unlabelled_codes": [
            _describe_code(code) for code in CODES if code not in LABEL_OF_CODE
        ],
    }


def _describe(label: str) -> dict[str, object]:
    codes = [code for code, name in LABEL_OF_CODE.items() if name == label]
    return {
        "name": label,
        "paper_index": _NUMBER_OF[label],
        "alphabetical_index": ALPHABETICAL_ORDER.index(label),
        "colour": _hex_colour(codes[0]),
        "clc_codes": [_describe_code(code) for code in codes],
    }


def _describe_code(code: int) -> dict[str, object]:
    return {"code": code, "name": CLC2018.entry(code).name, "colour": _hex_colour(code)}


def _hex_colour(code: int) -> str:
    """The official colour of a CORINE class; a label shows that of its first code."""
    return "#{:02x}{:02x}{:02x}".format(*CLC2018.entry(code).colour)
