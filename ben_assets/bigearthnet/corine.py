"""CORINE Land Cover 2018: its codes, the 19 classes made of them, and labels.

Source of the grouping: the BigEarthNet-19 nomenclature (Sumbul et al., 2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

NO_POLYGON: Final = 999
"""Code of reference map pixels that no CORINE polygon covers."""

CODES_OF_LABEL: Final[dict[str, tuple[int, ...]]] = {
    "Urban fabric": (111, 112),
    "Industrial or commercial units": (121,),
    "Arable land": (211, 212, 213),
    "Permanent crops": (221, 222, 223, 241),
    "Pastures": (231,),
    "Complex cultivation patterns": (242,),
    "Land principally occupied by agriculture, with significant areas of natural "
    "vegetation": (243,),
    "Agro-forestry areas": (244,),
    "Broad-leaved forest": (311,),
    "Coniferous forest": (312,),
    "Mixed forest": (313,),
    "Natural grassland and sparsely vegetated areas": (321, 333),
    "Moors, heathland and sclerophyllous vegetation": (322, 323),
    "Transitional woodland, shrub": (324,),
    "Beaches, dunes, sands": (331,),
    "Inland wetlands": (411, 412),
    "Coastal wetlands": (421, 422),
    "Inland waters": (511, 512),
    "Marine waters": (521, 522, 523),
}

_UNLABELED: Final = "122 123 124 131 132 133 141 142 332 334 335 423"

UNLABELED_CODES: Final = (*map(int, _UNLABELED.split()), NO_POLYGON)
"""Codes that count as unlabeled, and are never a label."""

LABELS: Final = tuple(CODES_OF_LABEL)
"""The 19 classes."""

LABEL_OF_CODE: Final[dict[int, str]] = {
    code: label for label, codes in CODES_OF_LABEL.items() for code in codes
}

CODES: Final = tuple(sorted((*LABEL_OF_CODE, *UNLABELED_CODES)))
"""The 45 values a reference map may hold."""

MAX_UNLABELED_SHARE: Final = 0.25
"""A patch with this share of unlabeled pixels or more gets no labels."""


def labels_of(pixels_of_code: Mapping[int, int]) -> list[str] | None:
    """Sorted labels of a patch, or None where it has none.

    One pixel of a class is enough for its label; a quarter of unlabeled pixels is too
    much for any (docs/rules.md#labels).

    >>> labels_of({211: 14399, 112: 1})
    ['Arable land', 'Urban fabric']
    >>> labels_of({211: 3, 999: 1}) is None
    True
    """
    total = sum(pixels_of_code.values())
    unlabeled = sum(pixels_of_code.get(code, 0) for code in UNLABELED_CODES)
    if total == 0 or unlabeled / total >= MAX_UNLABELED_SHARE:
        return None
    return sorted({LABEL_OF_CODE[c] for c in pixels_of_code if c in LABEL_OF_CODE})
