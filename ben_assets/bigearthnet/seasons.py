"""The season of an acquisition, as the original pipeline tells it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_SEASONS: Final = (
    ("spring", (3, 1), (5, 31)),
    ("summer", (6, 1), (8, 31)),
    ("fall", (9, 1), (11, 30)),
)


def season_of(time: datetime) -> str:
    """The season label of an instant, in UTC.

    A season lasts from 00:00 of its first day to 00:00 of its *last* day: the rest of
    31 May, 31 August and 30 November counts as winter. The published alignment depends
    on it (docs/rules.md#time-and-season).

    >>> season_of(datetime(2018, 5, 31, tzinfo=UTC))
    'spring'
    >>> season_of(datetime(2018, 5, 31, 10, tzinfo=UTC))
    'winter'
    """
    instant = time.astimezone(UTC).replace(tzinfo=None)
    for name, first, last in _SEASONS:
        if datetime(instant.year, *first) <= instant <= datetime(instant.year, *last):
            return name
    return "winter"
