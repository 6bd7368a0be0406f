"""Digests of files and streams, and the hash lists made of them.

A hash list is the CSV ``name,hash-sha256`` of the original pipeline: the file name
without its extension, sorted bytewise, one line each, newline at the end.
"""

from __future__ import annotations

import hashlib
import re
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.errors import ChecksumMismatch, InvalidInput
from ben_assets.bigearthnet.plain_files import NotAFile, open_plain, read_plain
from ben_assets.bigearthnet.relative_names import stays_inside

HASH_LIST_HEADER: Final = "name,hash-sha256"
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_WORTH_A_THREAD: Final = 1 << 18


def sha256_of_bytes(content: bytes) -> str:
    """SHA-256 of ``content`` as lower-case hex."""
    return hashlib.sha256(content).hexdigest()


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """Digest of a file's bytes as lower-case hex, read in constant memory."""
    with open_plain(path) as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def proven_content(path: str | Path, sha256: str) -> bytes:
    """The content of a file of the aligned data set, which must have this SHA-256.

    Raises:
        ChecksumMismatch: it is missing, no file, or was changed.
    """
    content = b""
    try:
        content = read_plain(path)
        found = sha256_of_bytes(content)
    except FileNotFoundError as error:
        found = str(error.strerror)
    except NotAFile as error:
        found = error.kind
    if found != sha256:
        raise ChecksumMismatch(
            f"{path}: expected sha256 {sha256}, found {found}; the file was changed "
            "after it was made: ben verify --deep names what to materialize again"
        )
    return content


@dataclass(frozen=True)
class StreamDigests:
    """Size and digests of a whole stream: what ``StreamDigest.result`` gives."""

    bytes: int
    """Number of bytes."""
    sha256: str
    """SHA-256, hex."""
    md5: str
    """MD5, hex, as the data set was published with."""


class StreamDigest:
    """Number and digests of the bytes that pass by."""

    def __init__(
        self,
        threads: Executor | None = None,
        algorithms: tuple[str, ...] = ("sha256", "md5"),
    ) -> None:
        """Digest large pieces in ``threads``, if given, while the caller goes on."""
        self._hashes = {
            name: hashlib.new(name, usedforsecurity=False) for name in algorithms
        }
        self._threads = threads
        self._pending: list[Future[None]] = []
        self.n_bytes = 0

    def update(self, data: bytes) -> None:
        """Take in the next bytes."""
        self._wait()
        self.n_bytes += len(data)
        hashes = self._hashes.values()
        if self._threads is None or len(data) < _WORTH_A_THREAD:
            for one in hashes:
                one.update(data)
        else:
            self._pending = [self._threads.submit(one.update, data) for one in hashes]

    def _wait(self) -> None:
        for one in self._pending:
            one.result()
        self._pending = []

    def hexdigest(self, algorithm: str) -> str:
        """Digest of the bytes so far, lower-case hex."""
        self._wait()
        return self._hashes[algorithm].hexdigest()

    def result(self) -> StreamDigests:
        """What the bytes so far give."""
        both = (self.hexdigest(name) for name in ("sha256", "md5"))
        return StreamDigests(self.n_bytes, *both)


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
