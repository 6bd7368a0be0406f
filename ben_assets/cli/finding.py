"""What ``ben doctor`` says of one thing that a run needs."""

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
