"""How long to wait for a service, and how slow it may be.

Belongs here: the limits that every source and upload shares. Not here: the waiting.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Final

from ben_assets.bigearthnet.errors import InvalidInput
from resources.settings import Settings

_DIGEST_SECONDS: Final = 300.0
_EXPECTED: Final = {
    "connections": "whole number of at least 1",
    "stall_seconds": "number above 0",
}
"""What a limit must be, other than a number that is not negative."""


@dataclass(frozen=True)
class Timeouts:
    """How long to wait for what; each has a setting ``CDSE_<NAME>``."""

    stall_seconds: float = 30
    """Without an answer, or slower than ``min_bytes_per_second``, for so long: cut."""
    min_bytes_per_second: float = 1000
    """A transfer below this counts as stalled."""
    give_up_seconds: float = 180
    """Failures in a row, without a MiB more, for so long: the step fails."""
    total_seconds: float = 6 * 3600
    """Longest time for one product."""
    first_wait_seconds: float = 1
    """Wait after a first failure; each further one doubles it."""
    longest_wait_seconds: float = 30
    """Longest wait between tries, unless the service asks for more."""
    longest_pause_seconds: float = 900
    """Longest wait that a service may ask for; beyond it the step fails."""
    connections: float = 4
    """Open downloads of one account, over all processes of this data root."""

    @classmethod
    def from_settings(cls, settings: Settings) -> Timeouts:
        """As the ``CDSE_*`` settings say; they hold for other sources too.

        Raises:
            InvalidInput: a number that is none.
        """
        values: dict[str, float] = {}
        for one in fields(cls):
            name = f"CDSE_{one.name.upper()}"
            text = settings.text(name)
            try:
                if text is not None:
                    values[one.name] = _value(one.name, text)
            except ValueError:
                raise InvalidInput(
                    f"{name} is not a {_EXPECTED.get(one.name, 'number')}; expected "
                    f"one, found {len(text or '')} letters"
                ) from None
        return cls(**values)

    def for_uploads(self) -> Timeouts:
        """For services that digest a large file before they answer."""
        patient = max(self.stall_seconds, _DIGEST_SECONDS)
        return replace(self, stall_seconds=patient)

    def at_most(self, seconds: float) -> Timeouts:
        """For a question that is given up after so many seconds."""
        return replace(
            self,
            stall_seconds=min(self.stall_seconds, seconds),
            give_up_seconds=min(self.give_up_seconds, seconds),
            total_seconds=min(self.total_seconds, seconds),
        )


def _value(limit: str, text: str) -> float:
    value = float(text)
    is_positive = value > 0 and (limit != "connections" or value.is_integer())
    if not 0 <= value < math.inf or (limit in _EXPECTED and not is_positive):
        raise ValueError(text)
    return value
