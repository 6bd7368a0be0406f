"""Text that others wrote, made fit to be shown: in logs, errors and on a terminal."""

from __future__ import annotations

import re
from typing import Final

MAX_LENGTH: Final = 4000
"""Characters of one message; the longest of our own, of 20 files, has fewer."""
_UNPRINTABLE: Final = re.compile(
    # controls, line ends, bidirectional and other invisible marks, lone surrogates
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb]|[\U000e0000-\U000e0fff]"
)


def escaped(text: str, limit: int = MAX_LENGTH) -> str:
    r"""``text`` on one line, what cannot be seen escaped, and cut in its middle.

    >>> escaped("a\nb\x1b[2K")
    'a\\nb\\x1b[2K'
    >>> escaped("x" * 20, limit=10)
    'xx [...] x'
    """
    text = _UNPRINTABLE.sub(lambda m: ascii(m[0])[1:-1], text)
    if len(text) <= limit:
        return text
    gap = " [...] "
    head = (limit - len(gap) + 1) // 2
    return f"{text[:head]}{gap}{text[len(text) - (limit - len(gap) - head) :]}"
