"""Digests of files and the hash lists made of them.

A hash list is the CSV ``name,hash-sha256`` of the original pipeline: the file name
without its extension, sorted bytewise, one line each, newline at the end.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.bigearthnet.relative_names import stays_inside

HASH_LIST_HEADER: Final = "name,hash-sha256"
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def sha256_of_bytes(content: bytes) -> str:
    """SHA-256 of ``content`` as lower-case hex."""
    return hashlib.sha256(content).hexdigest()


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """Digest of a file's bytes as lower-case hex, read in constant memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def format_hash_list(digests: dict[str, str]) -> str:
    """The hash list of ``digests`` (name to hex SHA-256).

    >>> format_hash_list({"b": "22", "a": "11"}).splitlines()
    ['name,hash-sha256', 'a,11', 'b,22']
    """
    rows = sorted(digests.items(), key=lambda item: item[0].encode())
    return "".join(
        f"{line}\n" for line in (HASH_LIST_HEADER, *(f"{n},{h}" for n, h in rows))
    )


def hash_list_digest(digests: dict[str, str]) -> str:
    """SHA-256 of the hash list of ``digests``: one number for a whole tile."""
    return sha256_of_bytes(format_hash_list(digests).encode())


def parse_hash_list(text: str, source: str = "hash list") -> dict[str, str]:
    """Name to digest, from the text of a hash list.

    Raises:
        InvalidInput: the header or a line is not of a hash list; names ``source``.
    """
    header, *lines = text.splitlines() or [""]
    if header != HASH_LIST_HEADER:
        raise InvalidInput(
            f"{source}: expected the header {HASH_LIST_HEADER!r}, found {header!r}"
        )
    rows = [line.rpartition(",") for line in lines]
    for number, (name, _, digest) in enumerate(rows, start=2):
        is_plain = "/" not in name and stays_inside(name)
        if not is_plain or not _SHA256.fullmatch(digest):
            raise InvalidInput(
                f"{source}, line {number}: expected 'name,<64 hex digits>', "
                f"found {lines[number - 2]!r}"
            )
    return {name: digest for name, _, digest in rows}
