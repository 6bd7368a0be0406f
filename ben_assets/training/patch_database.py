"""LMDB databases of encoded patches: written in key order, read by key.

What is expected of a database are its keys and values: the pages of ``data.mdb`` vary
with the version of LMDB and with the size of transactions.
"""

from __future__ import annotations

import contextlib
import hashlib
import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Final

import lmdb

from ben_assets.bigearthnet.checksums import HASH_LIST_HEADER
from ben_assets.bigearthnet.errors import (
    BenError,
    ChecksumMismatch,
    InvalidInput,
    LocalResourceError,
)
from ben_assets.bigearthnet.plain_files import require_plain

DATA_FILE: Final = "data.mdb"
"""The file of a database that holds all of it."""
_PAGE: Final = 4096
_COMMIT_BYTES: Final = 64 << 20
"""Bytes written between two commits, which bounds the memory of dirty pages."""
_SPARE: Final = 64 << 20
_HASHED_AT_ONCE: Final = 16
"""Values of a database that one task hashes, while those before them are written."""

Pair = tuple[bytes, memoryview]
"""Key and value."""


def map_size(sizes: Iterable[int]) -> int:
    """Bytes of address space that values of these sizes need at most.

    A large value takes whole pages of its own; keys take less than half a page each.
    """
    pages = sum(2 + -(-(size + 16) // _PAGE) for size in sizes)
    return pages * _PAGE * 11 // 10 + _SPARE


def write_database(
    folder: Path, pairs: Iterable[tuple[bytes, bytes | memoryview]], size: int
) -> None:
    """Write pairs, which come sorted bytewise by key, into a new database.

    Args:
        folder: directory to make, with ``data.mdb`` in it and no lock file.
        pairs: key and value.
        size: of the map, at least ``map_size`` of the values.

    Raises:
        BenError: the keys are not sorted, or one comes twice.
        LocalResourceError: the disk refuses; LMDB calls a full one an I/O error.
    """
    try:
        with _open(folder, map_size=size) as environment:
            pending = iter(pairs)
            while _write_some(environment, pending):
                pass
    except lmdb.Error as error:
        raise LocalResourceError(
            f"cannot write {folder}: {error}; most likely the disk is full: free space "
            "and run again"
        ) from error


def _write_some(
    environment: lmdb.Environment, pairs: Iterator[tuple[bytes, bytes | memoryview]]
) -> bool:
    """Write one transaction; returns whether there may be more."""
    written = 0
    with environment.begin(write=True) as transaction:
        for key, value in pairs:
            if not transaction.put(key, value, append=True, overwrite=False):
                raise BenError(f"key {key.decode()} comes twice or out of order")
            written += len(value)
            if written >= _COMMIT_BYTES:
                return True
    return False


def _open(folder: Path, map_size: int) -> contextlib.closing[lmdb.Environment]:
    """A database to write, without a lock file: nobody else knows of it yet."""
    return contextlib.closing(
        lmdb.open(
            str(folder),
            map_size=map_size,
            lock=False,
            sync=False,
            metasync=False,
        )
    )


class PatchDatabase:
    """A database to read; ``with`` closes it."""

    def __init__(
        self,
        folder: Path,
        digests: Mapping[str, str] | None = None,
        *,
        in_order: bool = False,
    ) -> None:
        """Open ``folder``; nothing is written into it.

        Args:
            folder: of the database.
            digests: key to SHA-256 of its value; what is asked for is held against it.
            in_order: read from its start to its end, so that the disk reads ahead.

        Raises:
            InvalidInput: it is not an LMDB database, or is cut short.
        """
        require_plain(folder / DATA_FILE)
        self._folder = folder
        with self._reading():
            self._environment = lmdb.open(
                str(folder),
                readonly=True,
                lock=False,
                readahead=in_order,
                create=False,
            )
        self._digests = digests
        self._require_whole()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except lmdb.Error as error:
            raise InvalidInput(
                f"{self._folder}: expected an LMDB database, found {error}; "
                "materialize training_lmdb of its tile again"
            ) from error

    def _require_whole(self) -> None:
        """Refuse a file that ends before its last page: to read there is a SIGBUS."""
        found = (self._folder / DATA_FILE).stat().st_size
        is_readable = found >= 2 * self._environment.stat()["psize"]
        pages = self._environment.info()["last_pgno"] + 1 if is_readable else 2
        expected = pages * self._environment.stat()["psize"]
        if found < expected:
            self._environment.close()
            raise InvalidInput(
                f"{self._folder}: expected {expected} bytes of {DATA_FILE}, found "
                f"{found}; materialize training_lmdb of its tile again"
            )

    def __enter__(self) -> PatchDatabase:
        """The database itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it; values obtained before become invalid."""
        self._environment.close()

    def get(self, key: str) -> bytes:
        """A copy of the value of a key.

        Raises:
            ChecksumMismatch: the database lacks the key, or has another value.
        """
        with self._reading(), self._environment.begin() as transaction:
            value: bytes | None = transaction.get(key.encode())
        if value is None:
            raise _unlike(self, f"no {key}")
        if self._digests is not None:
            digest = hashlib.sha256(value).hexdigest()
            if self._digests.get(key) != digest:
                raise _unlike(self, f"{key} with another value: {digest}")
        return value

    def pairs(self) -> Iterator[Pair]:
        """All keys with views of their values, valid until the end, sorted."""
        with (
            self._reading(),
            self._environment.begin(buffers=True) as transaction,
            transaction.cursor() as cursor,
        ):
            for key, value in cursor:
                yield bytes(key), value


@dataclass
class MergedDigest:
    """What was copied by ``verified_pairs``, known once they are consumed."""

    keys: int = 0
    """Number of pairs."""
    bytes: int = 0
    """Size of the values together."""
    sha256: str = ""
    """SHA-256 of the hash list of all keys and values."""


def verified_pairs(
    databases: Iterable[tuple[PatchDatabase, Mapping[str, str]]],
    total: MergedDigest,
    pool: Executor,
) -> Iterator[Pair]:
    """The pairs of several databases in key order, each held against its digest.

    Args:
        databases: each with the expected SHA-256 of the value of every key.
        total: is filled in.
        pool: hashes values ahead; it must end before the databases are closed.

    Raises:
        ChecksumMismatch: a value is not what its digest says, or a key is missing.
    """
    streams = [_verified(database, digests, pool) for database, digests in databases]
    listed = hashlib.sha256(f"{HASH_LIST_HEADER}\n".encode())
    for key, value, digest in heapq.merge(*streams, key=itemgetter(0)):
        listed.update(b"%s,%s\n" % (key, digest.encode()))
        total.keys += 1
        total.bytes += len(value)
        yield key, value
    total.sha256 = listed.hexdigest()


def _verified(
    database: PatchDatabase, digests: Mapping[str, str], pool: Executor
) -> Iterator[tuple[bytes, memoryview, str]]:
    count = 0
    for (key, value), found in _hashed(database.pairs(), pool):
        if digests.get(key.decode()) != found:
            raise _unlike(database, f"{key.decode()} with another value: {found}")
        count += 1
        yield key, value, found
    if count != len(digests):
        raise _unlike(database, f"{count} keys instead of {len(digests)}")


def _hashed(pairs: Iterator[Pair], pool: Executor) -> Iterator[tuple[Pair, str]]:
    """Each pair with the SHA-256 of its value, which a thread found beforehand."""
    batches = iter(lambda: list(islice(pairs, _HASHED_AT_ONCE)), [])
    upcoming = ((batch, pool.submit(_digests_of, batch)) for batch in batches)
    ahead = deque(islice(upcoming, 2))
    while ahead:
        batch, digests = ahead.popleft()
        yield from zip(batch, digests.result(), strict=True)
        ahead.extend(islice(upcoming, 1))


def _digests_of(pairs: Sequence[Pair]) -> list[str]:
    return [hashlib.sha256(value).hexdigest() for _, value in pairs]


def _unlike(database: PatchDatabase, found: str) -> ChecksumMismatch:
    return ChecksumMismatch(
        f"{database._folder}: expected the keys and values of its hash list, found "
        f"{found}; materialize training_lmdb of its tile again"
    )
