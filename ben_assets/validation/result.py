"""What the evaluation of one rule says."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from ben_assets.bigearthnet.outside_text import escaped

SHOWN: Final = 20
"""Names of things that differ which a result lists; all are counted."""
SWITCHED_OFF: Final = "switched off: BEN_POSTGIS_DSN is not set"
"""Why nothing is published to PostGIS, and nothing there compared with."""


Detail = str | int | float | list[str] | dict[str, str] | dict[str, list[str]]
"""What Dagster shows as metadata of a check."""


@dataclass(frozen=True)
class RuleResult:
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
    sentence: str | None = None
    """For people, where ``found`` alone does not say it."""
    details: Mapping[str, Detail] = field(default_factory=dict)
    """What else a reader wants to see, by name."""

    @property
    def description(self) -> str:
        """One line for people; it may hold words of others."""
        return escaped(self.found if self.sentence is None else self.sentence)

    @classmethod
    def none_of(
        cls, differing: Collection[str], expected: str, found: str
    ) -> RuleResult:
        """The property holds if nothing breaks it."""
        first = tuple(sorted(differing)[:SHOWN])
        if differing:
            found = f"{found}; {len(differing)} differ, the first: {first[0]}"
        return cls(not differing, expected, found, first)

    @classmethod
    def not_evaluated(cls, why: str) -> RuleResult:
        """There is nothing to evaluate, which is no failure."""
        return cls(True, "something to evaluate", why, is_warning=True)
