"""What a evaluation of one property says."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

SHOWN: Final = 20
"""Names of things that differ which a verdict lists; all are counted."""


@dataclass(frozen=True)
class Verdict:
    """One property of one artifact: expected and found."""

    passed: bool
    """Whether it holds."""
    expected: str
    """What had to be."""
    found: str
    """What is."""
    differing: tuple[str, ...] = ()
    """The first things that break it."""
    is_warning: bool = False
    """Whether it is only to be noted, be it broken or not to be evaluated."""

    @classmethod
    def none_of(cls, differing: Collection[str], expected: str, found: str) -> Verdict:
        """The property holds if nothing breaks it."""
        first = tuple(sorted(differing)[:SHOWN])
        if differing:
            found = f"{found}; {len(differing)} differ, the first: {first[0]}"
        return cls(not differing, expected, found, first)

    @classmethod
    def not_evaluated(cls, why: str) -> Verdict:
        """There is nothing to evaluate, which is no failure."""
        return cls(True, "something to evaluate", why, is_warning=True)
