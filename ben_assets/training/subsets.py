"""Which patches of an index a named subset has: the same on every machine.

A condition in SQL chooses rows; an order by a digest of seed and patch id decides which
of them stay. So a smaller share is part of a larger one.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import duckdb
import pyarrow as pa

from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.training.shards import mixing_key

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Selection:
    """What a subset is made of."""

    where: str = "true"
    """Condition on the columns of the index, in DuckDB's SQL."""
    share: float = 1.0
    """Share of the rows that stay, above 0 and at most 1."""
    seed: int = 0
    """Another seed gives other patches."""
    per_class: int | None = None
    """Patches to look for of each label; None: all."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            InvalidInput: the share or the number per class is out of range.
        """
        if not 0 < self.share <= 1:
            raise InvalidInput(
                f"--share: expected a number above 0 and at most 1, found {self.share}"
            )
        if self.per_class is not None and self.per_class < 1:
            raise InvalidInput(
                f"--per-class: expected 1 or more, found {self.per_class}"
            )


def require_name(name: str) -> str:
    """A name that a directory can have everywhere.

    Raises:
        InvalidInput: it is not.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"subset {name!r}: expected letters, digits, - and _, at most 64"
        )
    return name


def select_patches(index: pa.Table, selection: Selection) -> list[str]:
    """The patch ids of a subset, in mixed order.

    Raises:
        InvalidInput: DuckDB refuses the condition, or nothing fits it.
    """
    chosen = _matching(index, selection.where)
    salt = f"{selection.seed}/"
    ordered = sorted(chosen, key=lambda row: mixing_key(row[0], salt))
    ordered = ordered[: math.ceil(len(ordered) * selection.share)]
    if selection.per_class is not None:
        ordered = _enough_of_each(ordered, selection.per_class)
    if not ordered:
        raise InvalidInput(
            f"no patch of the {len(index)} in the index fits {selection.where!r}; "
            "loosen the condition"
        )
    return [patch for patch, _ in ordered]


_Row = tuple[str, list[str]]
"""Patch id and labels."""


def _matching(index: pa.Table, where: str) -> list[_Row]:
    query = f"SELECT patch_id, labels FROM patches WHERE ({where}\n)"
    with duckdb.connect(":memory:") as connection:
        connection.register("patches", index)
        connection.execute("SET enable_external_access = false")
        try:
            if len(connection.extract_statements(query)) != 1:
                raise InvalidInput(f"--where: expected one condition, found {where!r}")
            rows: list[_Row] = connection.execute(query).fetchall()
        except duckdb.Error as error:
            raise InvalidInput(
                f"--where {where!r}: DuckDB refuses it ({_first_line(error)}); "
                "expected a condition on the columns "
                f"{', '.join(index.column_names)}"
            ) from error
    return rows


def _first_line(error: duckdb.Error) -> str:
    return str(error).partition("\n")[0]


def _enough_of_each(rows: Iterable[_Row], wanted: int) -> list[_Row]:
    """Rows in order, each taken if a label of it has not been seen often enough."""
    seen: Counter[str] = Counter()
    taken = []
    for patch, labels in rows:
        if any(seen[label] < wanted for label in labels):
            seen.update(labels)
            taken.append((patch, labels))
    return taken
