"""Digests of large inputs, computed once as long as the files stay as they are.

Belongs here: when a digest on file may be believed. It may not where something is
verified (``reads_anew``), nor where the file is read in no time.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.checksums import file_digest
from ben_assets.bigearthnet.plain_files import read_plain
from resources.data_root.files import local_errors, write_atomically
from resources.data_root.records import seal_of

_FOLDER: Final = ".digests"
_SMALL_BYTES: Final = 64 << 20
"""Of files up to this size no digest is put on file: to read one takes 0.2 s."""
_SETTLED_NS: Final = 2_000_000_000
"""A file that changed more recently may change again without other times: those of the
coarsest file system (FAT) are 2 s apart."""


class DigestCache:
    """SHA-256 of inputs, by place, size, inode and times of their files.

    The time of the last change of the inode is among them: an edit in place cannot set
    it back, as it can the time of the last write.
    """

    def __init__(self, root: Path, *, reads_anew: bool = False) -> None:
        """Keep the digests below a data root.

        Args:
            root: the data root.
            reads_anew: believe nothing that an earlier process left, and read each
                file once.
        """
        self._folder = root / _FOLDER
        self._reads_anew = reads_anew
        self._own: dict[Path, tuple[list[str | int], str]] = {}

    def digest(self, path: Path) -> str:
        """SHA-256 of a file."""
        return self._remembered(path, f"{path.name}.json", lambda: file_digest(path))

    def verified(self, path: Path, what: str, verify: Callable[[], None]) -> None:
        """Call ``verify``, which raises, unless the file passed it as it is now.

        Args:
            path: the file.
            what: one word for what is verified.
            verify: looks at the file.
        """

        def passed() -> str:
            verify()
            return what

        self._remembered(path, f"{path.name}.{what}.json", passed)

    def _remembered(self, path: Path, name: str, find: Callable[[], str]) -> str:
        now = time.time_ns()
        status = path.stat()
        if now - status.st_ctime_ns < _SETTLED_NS:
            return find()
        kept, stamp = self._folder / name, _stamp(path, status)
        if self._own.get(kept, ([], ""))[0] != stamp:
            is_small = status.st_size <= _SMALL_BYTES
            found = None
            if not is_small and not self._reads_anew:
                found = _read_entry(kept, stamp)
            if found is None:
                found = find()
                if not is_small:
                    _write_entry(kept, stamp, found)
            self._own[kept] = stamp, found
        return self._own[kept][1]


def _stamp(path: Path, status: os.stat_result) -> list[str | int]:
    """What changes whenever a file does."""
    return [
        str(path.resolve()),
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_dev,
        status.st_ino,
    ]


def _read_entry(kept: Path, stamp: list[str | int]) -> str | None:
    """What was found of a file of this stamp, unless the entry is damaged."""
    with contextlib.suppress(OSError, ValueError, KeyError, RecursionError):
        content = json.loads(read_plain(kept))
        if not isinstance(content, dict):
            return None
        seal = content.pop("seal")
        if content["stamp"] == stamp and seal == seal_of(content):
            return str(content["found"])
    return None


def _write_entry(kept: Path, stamp: list[str | int], found: str) -> None:
    content = {"stamp": stamp, "found": found}
    content["seal"] = seal_of(content)
    with contextlib.suppress(IsADirectoryError), local_errors(kept):
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(kept, json.dumps(content).encode())
