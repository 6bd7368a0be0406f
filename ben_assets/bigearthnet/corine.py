"""CORINE Land Cover 2018: the legend of BigEarthNet v2, with its 19 classes.

Source of the grouping: the BigEarthNet-19 nomenclature (Sumbul et al., 2021).
"""

from __future__ import annotations

from typing import Final

from ben_assets.bigearthnet.legend import NO_LAND_COVER, Legend, built_in_legend

CLC2018: Final[Legend] = built_in_legend("clc2018")
"""Codes of level 3, their official names and colours, and the classes made of them."""

NO_POLYGON: Final = NO_LAND_COVER
"""Code of reference map pixels that no CORINE polygon covers."""

LABELS: Final = CLC2018.labels
"""The 19 classes, in the order of the paper."""

LABEL_OF_CODE: Final[dict[int, str]] = {
    code: entry.label for code, entry in CLC2018.classes.items() if entry.label
}

CODES: Final = CLC2018.codes
"""The 45 values a reference map may hold."""
