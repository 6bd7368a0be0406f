"""Legends of land cover: name, label and colour of each code, read from CSV.

Built-in legends lie in ``legends/``. Their sources: the CLC 2018 legend of the
Copernicus Land Monitoring Service with the BigEarthNet-19 nomenclature (Sumbul et al.,
2021), the product user manuals of CLCplus Backbone and of ESA WorldCover.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.errors import InvalidInput, MissingInput
from ben_assets.bigearthnet.outside_text import escaped
from ben_assets.bigearthnet.plain_files import read_plain

_MAX_NAME: Final = 200
"""Letters of the name of a class, or of a label."""
NO_LAND_COVER: Final = 999
"""Code of reference map pixels that the land cover leaves open."""

COLUMNS: Final = ("code", "name", "label", "red", "green", "blue")
"""Columns of a legend file."""

_FOLDER: Final = Path(__file__).with_name("legends")
_MAX_CODE: Final = 65_535
_MOST_BYTES: Final = 1 << 24
"""More than a line for each code."""


@dataclass(frozen=True)
class LegendClass:
    """A class of a legend."""

    name: str
    """Its name for people."""
    label: str | None
    """The label that its pixels give a patch; None: they count as unlabelled."""
    colour: tuple[int, int, int]
    """Red, green and blue, 0 to 255."""


NO_CLASS: Final = LegendClass("No land cover", None, (255, 255, 255))
"""What the code 999 stands for in every legend."""


@dataclass(frozen=True)
class Legend:
    """The codes that a land cover may hold, and what they mean."""

    name: str
    """Name of a built-in legend, or of the file."""
    sha256: str
    """Digest of the file."""
    classes: Mapping[int, LegendClass]
    """Code to class, in the order of the file, without 999."""

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels, in the order of the file."""
        given = (entry.label for entry in self.classes.values())
        return tuple(dict.fromkeys(label for label in given if label))

    @property
    def codes(self) -> tuple[int, ...]:
        """The values that a reference map may hold: the classes and 999, sorted."""
        return tuple(sorted((*self.classes, NO_LAND_COVER)))

    def entry(self, code: int) -> LegendClass:
        """The class of a code, be it 999.

        Raises:
            KeyError: the code is not of this legend.
        """
        return NO_CLASS if code == NO_LAND_COVER else self.classes[code]

    def labels_of(
        self, pixels_of_code: Mapping[int, int], max_unlabelled: float
    ) -> list[str] | None:
        """Sorted labels of a patch, or None where it has none.

        One pixel of a class is enough for its label.

        Args:
            pixels_of_code: code to its number of pixels.
            max_unlabelled: a patch with this share of unlabelled pixels or more gets
                no labels.
        """
        label_of = {code: self.entry(code).label for code in pixels_of_code}
        total = sum(pixels_of_code.values())
        unlabelled = sum(n for c, n in pixels_of_code.items() if not label_of[c])
        if total == 0 or unlabelled / total >= max_unlabelled:
            return None
        return sorted({label for label in label_of.values() if label}) or None


def built_in_legends() -> tuple[str, ...]:
    """Names of the legends that come along."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.csv")))


def built_in_legend(name: str) -> Legend:
    """A legend that comes along."""
    return read_legend(_FOLDER / f"{name}.csv", name)


def read_legend(path: Path, name: str | None = None) -> Legend:
    """The legend of a CSV file.

    Raises:
        MissingInput: there is no such file.
        InvalidInput: lists all that is wrong with it, by line.
    """
    try:
        content = read_plain(path, _MOST_BYTES)
    except OSError as error:
        raise MissingInput(
            f"legend {path} cannot be read ({error.strerror}); expected a CSV with the "
            f"columns {','.join(COLUMNS)}"
        ) from error
    classes = _parse(content.decode("utf-8-sig", errors="replace"), str(path))
    return Legend(name or path.name, hashlib.sha256(content).hexdigest(), classes)


def _parse(text: str, source: str) -> dict[int, LegendClass]:
    rows = csv.DictReader(io.StringIO(text), strict=True)
    try:
        return _parse_rows(rows, source)
    except csv.Error as error:
        line = rows.line_num
        raise InvalidInput(f"{source}, line {line}: not a CSV: {error}") from error


def _parse_rows(rows: csv.DictReader[str], source: str) -> dict[int, LegendClass]:
    if tuple(rows.fieldnames or ()) != COLUMNS:
        raise InvalidInput(
            f"{source}, line 1: expected the columns {','.join(COLUMNS)}, found "
            f"{','.join(rows.fieldnames or ()) or 'none'}"
        )
    classes: dict[int, LegendClass] = {}
    problems = []
    for row in rows:
        try:
            code, entry = _parse_row(row)
            if code in classes:
                raise ValueError(f"code {code} stands twice")
            classes[code] = entry
        except ValueError as error:
            problems.append(f"{source}, line {rows.line_num}: {error}")
    if not classes and not problems:
        problems.append(f"{source}: expected at least one class, found none")
    if problems:
        raise InvalidInput("; ".join(problems))
    return classes


def _parse_row(row: dict[str, str | None]) -> tuple[int, LegendClass]:
    """Code and class of a row.

    Raises:
        ValueError: says what is wrong.
    """
    texts = {name: (row.get(name) or "").strip() for name in COLUMNS}
    code = _whole(texts["code"], "code", 1, _MAX_CODE)
    if code == NO_LAND_COVER:
        raise ValueError(f"code {code} stands for pixels without land cover")
    for name in ("name", "label"):
        if escaped(texts[name], _MAX_NAME) != texts[name]:
            raise ValueError(
                f"expected a {name} of at most {_MAX_NAME} visible letters, found "
                f"{texts[name][:_MAX_NAME]!r}"
            )
    if not texts["name"]:
        raise ValueError(f"expected a name of code {code}, found none")
    red, green, blue = (_whole(texts[n], n, 0, 255) for n in ("red", "green", "blue"))
    return code, LegendClass(texts["name"], texts["label"] or None, (red, green, blue))


def _whole(text: str, what: str, lowest: int, highest: int) -> int:
    if text.isascii() and text.isdigit() and lowest <= int(text) <= highest:
        return int(text)
    raise ValueError(
        f"expected {what} to be a whole number from {lowest} to {highest}, found "
        f"{text or 'nothing'}"
    )


CLC2018: Final[Legend] = built_in_legend("clc2018")
"""Codes of level 3, their official names and colours, and the classes made of them."""

LABELS: Final = CLC2018.labels
"""The 19 classes, in the order of the paper."""

LABEL_OF_CODE: Final[dict[int, str]] = {
    code: entry.label for code, entry in CLC2018.classes.items() if entry.label
}

CODES: Final = CLC2018.codes
"""The 45 values a reference map may hold."""
