"""What one reading of a file shows: its size and every digest that anyone asks for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from ben_assets.bigearthnet.plain_files import open_plain

CHUNK: Final = 1 << 20
"""Bytes read at once."""
ALGORITHMS: Final[dict[str, Callable[[], Any]]] = {
    "MD5": hashlib.md5,
    "SHA3256": hashlib.sha3_256,
    "SHA256": hashlib.sha256,
    "SHA512": hashlib.sha512,
}
"""Checksums of manifests, by plain name: MD5 until 2020, SHA3-256 now."""


@dataclass(frozen=True)
class FileDigests:
    """What one file was found to be."""

    size: int
    """Bytes."""
    sha256: str
    """Of all of it, lower-case hex."""
    checksum: str
    """By the algorithm that was asked for; empty if that is none or not known here."""
    part_sha256: str
    """Of the part that was asked for."""

    @classmethod
    def of(
        cls,
        chunks: Iterable[bytes],
        algorithm: str = "",
        part: tuple[int, int] | None = None,
    ) -> Self:
        """Read the pieces of a file once.

        Args:
            chunks: its content.
            algorithm: name of a further checksum, in the words of a manifest.
            part: offset and length of what is digested by itself.
        """
        whole, inner, size = hashlib.sha256(), hashlib.sha256(), 0
        other = ALGORITHMS.get(plain_name(algorithm))
        checksum = other() if other else None
        first, last = (part[0], sum(part)) if part else (0, 0)
        for chunk in chunks:
            whole.update(chunk)
            if checksum is not None:
                checksum.update(chunk)
            if size < last:
                inner.update(memoryview(chunk)[max(first - size, 0) : last - size])
            size += len(chunk)
        stated = checksum.hexdigest() if checksum else ""
        return cls(size, whole.hexdigest(), stated, inner.hexdigest() if part else "")


def plain_name(algorithm: str) -> str:
    """The name of a checksum as it is known here: in capitals, without dashes."""
    return algorithm.upper().replace("-", "")


def chunks_of(path: Path) -> Iterator[bytes]:
    """The content of a file in pieces."""
    with open_plain(path) as file:
        while chunk := file.read(CHUNK):
            yield chunk
