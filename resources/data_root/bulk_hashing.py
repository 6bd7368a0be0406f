"""SHA-256 of very many files at the speed of the disk."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Final

from resources.data_root.files import REGULAR, kind_of

_BATCH: Final = 256
_READ_BYTES: Final = 1 << 20


def hash_files(
    paths: Sequence[str], threads: int | None = None
) -> Iterator[str | None]:
    """SHA-256 of each file in the order of ``paths``; None for one that is gone.

    What is no file, or cannot be read, has no digest: instead it says what it is, such
    as ``a FIFO`` or ``unreadable: Input/output error``. Links are not followed.

    Threads do: reading and hashing both release the interpreter's lock.

    Args:
        paths: files.
        threads: files read at a time; by default one for each core.
    """
    workers = threads or len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(workers) as pool:
        batches = [paths[i : i + _BATCH] for i in range(0, len(paths), _BATCH)]
        yield from chain.from_iterable(pool.map(_hash_batch, batches))


def _hash_batch(paths: Sequence[str]) -> list[str | None]:
    return [_hash_file(path) for path in paths]


def _hash_file(path: str) -> str | None:
    try:
        kind = kind_of(os.lstat(path).st_mode)
        return _digest(path) if kind == REGULAR else kind
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):  # says nothing of this file
            raise
        return f"unreadable: {error.strerror}"


def _digest(path: str) -> str:
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        digest = hashlib.sha256()
        while part := os.read(handle, _READ_BYTES):
            digest.update(part)
        return digest.hexdigest()
    finally:
        os.close(handle)
