"""Where a part of a secret is to be read, in whatever encoding."""

from __future__ import annotations

import base64
import html
import json
import re
import urllib.parse
from collections.abc import Iterable


def encodings(secret: str) -> dict[str, str]:
    """A secret as a service, a library or a log may spell it."""
    content = secret.encode()
    return {
        "plain": secret,
        "URL": urllib.parse.quote(secret, safe=""),
        "form": urllib.parse.quote_plus(secret),
        "repr": repr(secret)[1:-1],
        "JSON": json.dumps(secret)[1:-1],
        "HTML": html.escape(secret),
        "hex": content.hex(),
        "base64": base64.b64encode(content).decode().rstrip("=")[:-1],
        "cut": secret[:5],
    }


def parts_of(secret: str) -> set[str]:
    """All four letters in a row, in all encodings; of hex and base64 twelve.

    Those stand for so few letters that less is found in the digests and ids of others.
    """
    found = set()
    for how, text in encodings(secret).items():
        size = 12 if how in ("hex", "base64") else 4
        found |= {text[i : i + size] for i in range(len(text) - size + 1)}
    return found


def shown(secret: str, places: Iterable[tuple[str, str]]) -> list[str]:
    """Where a part of a secret is to be read, and which."""
    pattern = re.compile("|".join(map(re.escape, sorted(parts_of(secret)))))
    return [
        f"{place}: {text[max(0, hit.start() - 60) : hit.end() + 20]!r}"
        for place, text in places
        if (hit := pattern.search(text))
    ]
