"""Very many files read, and their SHA-256, at the speed of the disk."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Final, TypeVar

from ben_assets.bigearthnet.plain_files import REGULAR, kind_of

_Found = TypeVar("_Found")

_BATCH: Final = 256
_READ_BYTES: Final = 1 << 20


def hash_files(paths: Sequence[str]) -> Iterator[str | None]:
    """SHA-256 of each file in the order of ``paths``; None for one that is gone.

    What is no file, or cannot be read, has no digest: instead it says what it is, such
    as ``a FIFO`` or ``unreadable: Input/output error``. Links are not followed.

    Threads do: reading and hashing both release the interpreter's lock.
    """
    return map_files(_hash_file, paths)


def map_files(
    function: Callable[[str], _Found], paths: Sequence[str]
) -> Iterator[_Found]:
    """What ``function`` says of each file, in the order of ``paths``.

    Threads, one for each core, take hundreds of files at a time: a task for each costs
    more than to read it.

    Args:
        function: called with one path, in any thread.
        paths: files.
    """
    batches = [paths[i : i + _BATCH] for i in range(0, len(paths), _BATCH)]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        found = pool.map(lambda batch: [function(path) for path in batch], batches)
        yield from chain.from_iterable(found)


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
