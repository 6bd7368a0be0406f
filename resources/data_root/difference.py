"""A difference between what is on disk and what was expected."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """In what way something on disk differs."""

    MISSING = "missing"
    EXTRA = "extra"
    WRONG = "wrong"
    UNFINISHED = "unfinished"
    STALE = "stale"


@dataclass(frozen=True, order=True)
class Difference:
    """One thing on disk that is not what it should be."""

    asset: str
    """Asset key: the folder below the data root."""
    tile: str
    """Tile key, ``release``, or empty where it belongs to no tile."""
    file: str
    """Path below the asset's folder."""
    kind: Kind
    """In what way it differs."""
    detail: str
    """Expected and found."""
    rebuilt_by: str
    """Asset that makes it anew; empty where somebody has to take it away."""
