"""Secrets kept out of what is shown, however somebody else spelt them."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

MARK: Final = "***"
_SHORTEST_PART: Final = 4
"""Letters in a row of a secret that must not be shown."""


def redacted(text: str, secrets: Iterable[str | None]) -> str:
    """``text`` without any four letters in a row of a secret, in any common encoding.

    For the words of others, who may repeat what they were sent: whole, cut, or encoded
    for a URL, JSON, HTML, a Python string, hex or base64.

    Args:
        text: what is to be shown.
        secrets: those that must not; empty ones do not count.
    """
    hidden = [False] * len(text)
    folded = text.casefold() if len(text.casefold()) == len(text) else text
    for secret in secrets:
        for spelling in {s.casefold() for s in _spellings(secret or "")}:
            _hide(folded, spelling, hidden)
    shown, before = [], False
    for letter, is_hidden in zip(text, hidden, strict=True):
        if not is_hidden:
            shown.append(letter)
        elif not before:
            shown.append(MARK)
        before = is_hidden
    return "".join(shown)


def _hide(text: str, spelling: str, hidden: list[bool]) -> None:
    size = min(_SHORTEST_PART, len(spelling))
    if size == 0:
        return
    parts = {spelling[i : i + size] for i in range(len(spelling) - size + 1)}
    for at in range(len(text) - size + 1):
        if text[at : at + size] in parts:
            hidden[at : at + size] = [True] * size


def _spellings(secret: str) -> Iterator[str]:
    yield secret
    yield from (one for one in _encoded(secret) if len(one) >= _SHORTEST_PART)


def _encoded(secret: str) -> Iterator[str]:
    content = secret.encode("utf-8", "surrogateescape")
    yield quote(content, safe="")
    yield quote(content)
    yield quote_plus(content)
    yield repr(secret)[1:-1]
    yield ascii(secret)[1:-1]
    yield repr(content)[2:-1]
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield html.escape(secret)
    yield content.decode("latin-1")
    yield content.hex()
    for lead in range(3):  # where it starts in a longer text that was encoded
        encoded = base64.b64encode(bytes(lead) + content).decode().rstrip("=")
        start = (0, 2, 3)[lead]
        yield encoded[start:-1]
        yield encoded[start:-1].replace("+", "-").replace("/", "_")
