"""Recipes: what upstream fixes in code, stated in a TOML file.

Belongs here: reading a recipe into typed values, with every error by key and line.
Not here: reading the files that it names.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from ben_assets.bigearthnet.errors import BenError, InvalidInput, MissingInput
from ben_assets.bigearthnet.legend import (
    Legend,
    built_in_legend,
    built_in_legends,
    read_legend,
)
from ben_assets.bigearthnet.outside_text import escaped
from ben_assets.bigearthnet.plain_files import expanded, read_plain
from ben_assets.bigearthnet.shipped_files import SHIPPED
from ben_assets.bigearthnet.value_scale import ValueScale

DEFAULT: Final = "bigearthnet-v2"
"""The recipe of BigEarthNet v2, which tiles aligned with v1 always follow."""

FOLDER: Final = SHIPPED / "recipes"
"""Where the recipes that come along lie."""

_MOST_BYTES: Final = 1 << 15
"""More than any recipe has; a larger file would keep the TOML parser busy for long."""
_CORINE_LEGEND: Final = "clc2018"
RASTER_SUFFIXES: Final = (".tif", ".tiff", ".vrt", ".img")
"""Of land cover; another file is a vector file."""
_VECTOR_FOLDER: Final = ".gdb"  # a file geodatabase is a folder
_TABLE: Final = re.compile(r"\s*\[\s*([\w.-]+)\s*\]")
_KEY: Final = re.compile(r"\s*([\w.-]+)\s*=")

_MAX_TEXT: Final = 1000
"""Letters of one value, a path as a rule."""


def _visible(text: str) -> str:
    if escaped(text, _MAX_TEXT) != text:
        raise ValueError(f"expected at most {_MAX_TEXT} visible letters")
    return text


_Text = Annotated[str, Field(min_length=1), AfterValidator(_visible)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _LandCoverKeys(_Part):
    path: _Text | None = None
    layer: _Text | None = None
    code_column: _Text | None = None
    legend: _Text = _CORINE_LEGEND
    year: Annotated[int, Field(ge=1900, le=2100)] = 2018


class _LabelKeys(_Part):
    max_unlabelled: Annotated[float, Field(gt=0, le=1)] = 0.25


class _CountryKeys(_Part):
    path: _Text | None = None
    column: _Text = "NAME_LONG"


class _Keys(_Part):
    value_scale: Literal["bigearthnet", "as_delivered"] = "bigearthnet"
    land_cover: _LandCoverKeys = _LandCoverKeys()
    labels: _LabelKeys = _LabelKeys()
    countries: _CountryKeys = _CountryKeys()


@dataclass(frozen=True)
class LandCover:
    """Where land cover comes from and what its codes mean."""

    path: Path | None
    """A vector file, a raster, or a folder of rasters; None: ``BEN_CLC_PATH``."""
    layer: str | None
    """Layer of a vector file; None: its only one."""
    code_column: str | None
    """Column of a vector file that holds the codes."""
    legend: Legend
    """Meaning of the codes."""
    year: int
    """The year that the land cover is of."""

    @property
    def is_raster(self) -> bool:
        """Whether ``path`` is a raster or a folder of rasters, not a vector file."""
        if self.path is None or self.path.suffix == _VECTOR_FOLDER:
            return False
        return self.path.suffix.lower() in (*RASTER_SUFFIXES, "")

    @property
    def is_corine(self) -> bool:
        """Whether it is CORINE Land Cover, by ``BEN_CLC_PATH`` and its own legend."""
        return self.path is None and self.legend.name == _CORINE_LEGEND

    @property
    def title(self) -> str:
        """A short name with the year, for pictures."""
        return f"{'CORINE' if self.is_corine else self.legend.name} {self.year}"


@dataclass(frozen=True)
class Countries:
    """Where the names of countries come from."""

    path: Path | None
    """A vector file; None: the pinned countries of Natural Earth."""
    column: str
    """Column that holds the names."""


@dataclass(frozen=True)
class Recipe:
    """What is fixed for a set of tiles."""

    name: str
    """File name without ``.toml``."""
    sha256: str
    """Digest of the file, followed by that of a legend of the user's own."""
    value_scale: ValueScale
    """How digital numbers are stored."""
    land_cover: LandCover
    """Where land cover comes from."""
    max_unlabelled: float
    """A patch with this share of unlabelled pixels or more gets no labels."""
    countries: Countries
    """Where names of countries come from."""


def load_recipe(name_or_path: str) -> Recipe:
    """The recipe of a name in ``recipes/``, or of a file.

    Args:
        name_or_path: a path if it has a slash or ends in ``.toml``.

    Raises:
        MissingInput: there is no such recipe, or its legend is missing.
        InvalidInput: lists everything that is wrong with it, by key and line.
    """
    is_path = "/" in name_or_path or name_or_path.endswith(".toml")
    path = (
        expanded(name_or_path, "the recipe")
        if is_path
        else FOLDER / f"{name_or_path}.toml"
    )
    try:
        content = read_plain(path, _MOST_BYTES)
    except OSError as error:
        known = sorted(p.stem for p in FOLDER.glob("*.toml"))
        near = difflib.get_close_matches(name_or_path, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise MissingInput(
            f"recipe {name_or_path}: {path} cannot be read ({error.strerror}); "
            "expected a TOML file, or one of the recipes that come along: "
            f"{', '.join(known)}{hint}"
        ) from error
    return parse_recipe(content, path)


def parse_recipe(content: bytes, path: Path) -> Recipe:
    """The recipe of the bytes of a TOML file.

    Args:
        content: the file.
        path: names the recipe; relative paths in it count from there.

    Raises:
        MissingInput: its legend is missing.
        InvalidInput: lists everything that is wrong with it, by key and line.
    """
    try:
        text = content.decode("utf-8")
        table = tomllib.loads(text)
    except ValueError as error:
        raise InvalidInput(f"{path}: not a TOML file: {error}") from error
    except RecursionError as error:
        raise InvalidInput(f"{path}: not a recipe: nested too deeply") from error
    lines = _lines_of_keys(text)
    try:
        keys = _Keys.model_validate(table)
    except ValidationError as error:
        problems = [_problem(detail, lines, path) for detail in error.errors()]
        raise InvalidInput("; ".join(problems)) from error
    _require_complete(table, lines, path)
    legend = _legend(keys.land_cover.legend, lines, path)
    is_own = keys.land_cover.legend not in built_in_legends()
    digest = hashlib.sha256(content + (legend.sha256.encode() if is_own else b""))
    return Recipe(
        name=escaped(path.stem, _MAX_TEXT),
        sha256=digest.hexdigest(),
        value_scale=ValueScale(keys.value_scale),
        land_cover=LandCover(
            path=_resolved(keys.land_cover.path, path, "land_cover.path"),
            layer=keys.land_cover.layer,
            code_column=keys.land_cover.code_column,
            legend=legend,
            year=keys.land_cover.year,
        ),
        max_unlabelled=keys.labels.max_unlabelled,
        countries=Countries(
            _resolved(keys.countries.path, path, "countries.path"),
            keys.countries.column,
        ),
    )


def require_named(path: Path, key: str) -> Path:
    """Insist on a file that a recipe names.

    Raises:
        MissingInput: it is not there.
    """
    if not (path.is_file() or path.is_dir()):  # as a file geodatabase is
        raise MissingInput(
            f"{key}: {path} is missing or no file; put it there or correct the recipe"
        )
    return path


def _lines_of_keys(text: str) -> dict[str, int]:
    """Dotted key to the line where it stands first; of a table, that of its header."""
    lines: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _TABLE.match(line):
            table = f"{header[1]}."
            lines.setdefault(header[1], number)
        elif key := _KEY.match(line):
            lines.setdefault(f"{table}{key[1]}", number)
    return lines


def _place(key: str, lines: dict[str, int], path: Path) -> str:
    """File, line and key; the line of the table where the key has none of its own."""
    line = lines.get(key) or lines.get(key.rpartition(".")[0])
    return f"{path}{f', line {line}' if line else ''}, key {key}"


def _problem(detail: ErrorDetails, lines: dict[str, int], path: Path) -> str:
    key = ".".join(map(str, detail["loc"]))
    place = _place(key, lines, path)
    if detail["type"] == "extra_forbidden":
        close = difflib.get_close_matches(key, _all_keys(), n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        return f"{place}: expected one of {', '.join(_all_keys())}{hint}"
    found: Any = detail["input"]
    return f"{place}: {detail['msg']}, found {found!r}"


def _all_keys() -> list[str]:
    keys = []
    for name, field in _Keys.model_fields.items():
        part = field.annotation
        if isinstance(part, type) and issubclass(part, _Part):
            keys += [f"{name}.{below}" for below in part.model_fields]
        else:
            keys.append(name)
    return keys


def _require_complete(table: dict[str, Any], lines: dict[str, int], path: Path) -> None:
    """Insist on what a land cover of the user's own must state.

    Raises:
        InvalidInput: legend, year or code column are missing.
    """
    stated = table.get("land_cover", {})
    if "path" not in stated:
        return
    place = _resolved(stated["path"], path, "land_cover.path")
    needed = ["legend", "year"]
    if not LandCover(place, None, None, built_in_legend(_CORINE_LEGEND), 0).is_raster:
        needed.append("code_column")
    missing = [f"land_cover.{key}" for key in needed if key not in stated]
    if missing:
        raise InvalidInput(
            f"{_place('land_cover.path', lines, path)}: a land cover of your own needs "
            f"{' and '.join(missing)}, not found"
        )


def _legend(name: str, lines: dict[str, int], path: Path) -> Legend:
    if name in built_in_legends():
        return built_in_legend(name)
    place = _place("land_cover.legend", lines, path)
    if not name.endswith(".csv"):
        raise InvalidInput(
            f"{place}: expected a CSV file or one of {', '.join(built_in_legends())}, "
            f"found {name!r}"
        )
    try:
        return read_legend(path.parent / expanded(name, "the legend"))
    except BenError as error:
        raise type(error)(f"{place}: {error}") from error


def _resolved(text: str | None, recipe: Path, key: str) -> Path | None:
    """A path that counts from the recipe's folder."""
    if text is None:
        return None
    return recipe.parent / expanded(text, f"{recipe}: {key}")
