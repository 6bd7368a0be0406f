"""Secrets kept out of what is shown, however somebody else spelt them.

Text is decoded, not only searched for spellings: what a URL, JSON, HTML or a Python
string makes of a letter is undone, also twice over, before letters are compared.
"""

from __future__ import annotations

import base64
import functools
import html
import re
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

MARK: Final = "***"
_SHORTEST_PART: Final = 4
"""Letters in a row of a secret that must not be shown; a shorter one is not looked for:
its letters stand in any sentence, and gaps in a known one would spell it."""
_PART_OF_LONG: Final = 8
"""The same of keys and tokens, any four letters of which stand in other words too."""
_LONG: Final = 256
"""Letters from which on a secret is a long one."""
_LEVELS: Final = 3
"""So often may one encoding lie within another."""
_ESCAPE: Final = re.compile(
    r"%([0-9a-f]{2})|\\x([0-9a-f]{2})"
    r"|\\(?-i:u)([0-9a-f]{4})|\\(?-i:U)([0-9a-f]{8})"
    r"|\\(.)|&#?[a-z0-9]{1,8};",
    re.IGNORECASE | re.DOTALL,
)
_AFTER_BACKSLASH: Final = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_SCHEME: Final = re.compile(r"^(?:[A-Za-z][\w+.-]*:)?/+")
_ARMOUR: Final = re.compile("-----[^-]+-----")
"""First and last line of a PEM file, which are no secret."""


def redacted(text: str, secrets: Iterable[str | None]) -> str:
    """``text`` without any four letters in a row of a secret, in any common encoding.

    For the words of others, who may repeat what they were sent: whole, cut, or encoded
    for a URL, JSON, HTML, a Python string, hex or base64.

    Args:
        text: what is to be shown.
        secrets: those that must not; those of three letters or fewer do not count.
    """
    known = [secret for secret in secrets if secret and len(secret) >= _SHORTEST_PART]
    needles = [_needles(secret) for secret in known]
    hidden = [False] * len(text)
    for view in _views(text) if needles else ():
        for needle in needles:
            for size, parts in needle:
                view.hide(size, parts, hidden)
    shown, before = [], False
    for letter, is_hidden in zip(text, hidden, strict=True):
        if not is_hidden:
            shown.append(letter)
        elif not before:
            shown.append(MARK)
        before = is_hidden
    return "".join(shown)


@dataclass(frozen=True)
class _View:
    """A text with some of its letters decoded."""

    letters: str
    """What it says."""
    starts: list[int]
    """Where in the original text each letter begins; behind the last one, its end."""

    @functools.cached_property
    def folded(self) -> str:
        """Its letters as they are compared."""
        return _folded(self.letters)

    def hide(self, size: int, parts: frozenset[str], hidden: list[bool]) -> None:
        """Mark the letters of the original text that spell one of ``parts``."""
        for at in range(len(self.folded) - size + 1):
            if self.folded[at : at + size] in parts:
                start, end = self.starts[at], self.starts[at + size]
                hidden[start:end] = [True] * (end - start)

    def decoded(self) -> _View:
        """What it says where escapes are undone."""
        letters, starts, end = [], [], 0
        for escape in _ESCAPE.finditer(self.letters):
            letters.append(self.letters[end : escape.start()])
            starts += self.starts[end : escape.start()]
            meant = _meaning(escape)
            letters.append(meant)
            starts += [self.starts[escape.start()]] * len(meant)
            end = escape.end()
        letters.append(self.letters[end:])
        return _View("".join(letters), starts + self.starts[end:])


def _views(text: str) -> Iterator[_View]:
    view = _View(text, list(range(len(text) + 1)))
    yield view
    for _ in range(_LEVELS):
        before, view = view, view.decoded()
        if view.letters == before.letters:
            return
        yield view


def _meaning(escape: re.Match[str]) -> str:
    """What an escape stands for; itself where it stands for nothing."""
    *hexadecimal, plain = escape.groups()
    digits = next(filter(None, hexadecimal), None)
    if plain is not None:
        return _AFTER_BACKSLASH.get(plain, plain)
    if digits is None:
        return html.unescape(escape[0])
    number = int(digits, 16)
    return chr(number) if number <= 0x10FFFF else escape[0]


def _folded(text: str) -> str:
    """Without regard to case, and with one kind of space; as long as it was."""
    lower = (letter.lower() for letter in text)
    return "".join(
        " " if new.isspace() or new == "+" else new if len(new) == 1 else old
        for old, new in zip(text, lower, strict=True)
    )


@functools.lru_cache(maxsize=64)
def _needles(secret: str) -> tuple[tuple[int, frozenset[str]], ...]:
    """Sizes of parts, and the parts of that size that give a secret away."""
    secret = _ARMOUR.sub(" ", secret).strip() or secret
    content = secret.encode("utf-8", "surrogatepass")
    size = _SHORTEST_PART if len(secret) < _LONG else _PART_OF_LONG
    plain = {secret, content.decode("latin-1"), _in_surrogates(secret)}
    return (
        (size, _parts(plain, size)),
        (2 * size, _parts({content.hex()}, 2 * size)),
        (size * 4 // 3, _parts(set(_in_base64(content)), size * 4 // 3)),
    )


def _parts(spellings: Iterable[str], size: int) -> frozenset[str]:
    return frozenset(
        _folded(spelling[at : at + size])
        for spelling in spellings
        for at in range(len(spelling) - size + 1)
    )


def _in_surrogates(text: str) -> str:
    """Letters beyond 16 bits in two halves, as JSON writes them."""
    units = text.encode("utf-16-be", "surrogatepass")
    return "".join(
        chr(units[at] << 8 | units[at + 1]) for at in range(0, len(units), 2)
    )


def _in_base64(content: bytes) -> Iterator[str]:
    for lead in range(3):  # where it starts in a longer text that was encoded
        encoded = base64.b64encode(bytes(lead) + content).decode().rstrip("=")
        start = (0, 2, 3)[lead]
        yield encoded[start:-1]
        yield encoded[start:-1].replace("+", "-").replace("/", "_")


def proxy_secrets() -> list[str]:
    """User names and passwords of the proxies of the environment.

    A port that is no number counts too: in a mistyped address it may be a password.
    """
    parts = []
    for scheme, address in urllib.request.getproxies().items():
        user_info, _, place = _SCHEME.sub("", address).rpartition("@")
        port = place.rstrip("/").rpartition(":")[2] if scheme != "no" else ""
        unproven = "" if port.isdigit() or port == place else port
        parts += [unquote(part) for part in (*user_info.split(":"), unproven) if part]
    return parts
