"""The 19 classes as numbers: two orders of labels, a map of class numbers, colours.

Paper order is the order of CORINE codes (BigEarthNet paper, torchgeo); ConfigILM sorts
the class names. Both are in use, so whoever publishes a vector of labels says which.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from ben_assets.bigearthnet.legend import LABELS, Legend, LegendClass

PAPER_ORDER: Final = LABELS
"""The 19 classes by CORINE code."""
ALPHABETICAL_ORDER: Final = tuple(sorted(LABELS))
"""The 19 classes by name."""
NO_CLASS: Final = 255
"""Value of a 19-class map where a pixel belongs to none of the 19 classes."""

_NUMBER_OF: Final = {label: number for number, label in enumerate(PAPER_ORDER)}


def has_the_19_classes(legend: Legend) -> bool:
    """Whether the labels of a legend are the 19 of BigEarthNet, in any order."""
    return set(legend.labels) == set(LABELS)


def class_numbers(labels: Iterable[str]) -> list[int]:
    """Places of labels in paper order, ascending.

    >>> class_numbers(["Urban fabric", "Arable land", "Pastures"])
    [0, 2, 4]
    """
    return sorted(_NUMBER_OF[label] for label in labels)


def class_table(legend: Legend) -> npt.NDArray[np.uint8]:
    """What the codes of a legend become in a 19-class map.

    Returns:
        uint8, shape (65536,), indexed by code: place in paper order, 255 for codes
        whose label is none of the 19.
    """
    table = np.full(1 << 16, NO_CLASS, np.uint8)
    for code, entry in legend.classes.items():
        table[code] = _NUMBER_OF.get(entry.label or "", NO_CLASS)
    return table


def describe_classes(legend: Legend) -> dict[str, object]:
    """The content of ``classes.json``: orders, codes and colours."""
    is_19 = has_the_19_classes(legend)
    orders = {
        "paper_order": list(PAPER_ORDER),
        "alphabetical_order": list(ALPHABETICAL_ORDER),
    }
    return {
        "legend": legend.name,
        "label_order": list(legend.labels),
        **(orders if is_19 else {}),
        "no_class": NO_CLASS,
        "classes": [_describe(legend, label) for label in legend.labels],
        "unlabelled_codes": [
            _describe_code(code, legend.entry(code))
            for code in legend.codes
            if legend.entry(code).label is None
        ],
    }


def _describe(legend: Legend, label: str) -> dict[str, object]:
    """A label, in the colour of its first code."""
    codes = [
        _describe_code(code, entry)
        for code, entry in legend.classes.items()
        if entry.label == label
    ]
    places = {
        "paper_index": _NUMBER_OF.get(label),
        "alphabetical_index": sorted(legend.labels).index(label),
    }
    return {"name": label, **places, "colour": codes[0]["colour"], "codes": codes}


def _describe_code(code: int, entry: LegendClass) -> dict[str, object]:
    colour = "#{:02x}{:02x}{:02x}".format(*entry.colour)
    return {"code": code, "name": entry.name, "colour": colour}
