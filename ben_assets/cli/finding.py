"""A finding of ``ben doctor``: one thing that a run needs, and whether it is there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What is known of a subject."""

    OK = "ok"
    WARNS = "warns"
    LACKS = "lacks"


@dataclass(frozen=True)
class Finding:
    """One thing that a run needs."""

    subject: str
    """What it is."""
    state: State
    """Whether it is there."""
    detail: str
    """What was found, and what to do where it lacks."""
