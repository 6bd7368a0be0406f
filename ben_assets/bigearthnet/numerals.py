"""Numbers of things, as an English sentence has them."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "") -> str:
    """``number`` and the noun that goes with it; ``many`` is ``one`` and an s if empty.

    >>> counted(1, "tile"), counted(1500, "tile"), counted(2, "patch", "patches")
    ('1 tile', '1,500 tiles', '2 patches')
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
