"""What is uploaded: a file on disk, or a part of a large one.

Belongs here: names, bytes and digests of one such file. Not here: where it goes.
A whole file is read once: what is sent is held against the digest in its record.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.checksums import StreamDigest
from ben_assets.bigearthnet.errors import ChecksumMismatch
from ben_assets.bigearthnet.plain_files import open_plain
from resources.data_root.files import local_errors

_BLOCK: Final = 1 << 20


@dataclass(frozen=True)
class UploadFile:
    """A file of a release under the name that it gets elsewhere."""

    name: str
    """Path below the root of the upload, with slashes."""
    source: Path
    """Where its bytes are."""
    size: int
    """Number of them."""
    offset: int = 0
    """Where in ``source`` they begin."""
    is_part: bool = False
    """Whether ``source`` holds more than this."""
    recorded: str | None = None
    """SHA-256 of its bytes by the record of the release; None for a part."""

    def blocks(self) -> Iterator[bytes]:
        """Its bytes in order.

        Raises:
            ChecksumMismatch: the file became shorter.
        """
        left = self.size
        with local_errors(self.source), open_plain(self.source) as file:
            file.seek(self.offset)
            while left and (block := file.read(min(left, _BLOCK))):
                left -= len(block)
                yield block
        if left:
            raise ChecksumMismatch(
                f"{self.source}: expected {left} more bytes, found its end; it changed "
                "while it was read: run again"
            )

    def hex_digest(self, algorithm: str, prefix: bytes = b"") -> str:
        """Digest of ``prefix`` and its bytes, by the name that hashlib knows."""
        digest = hashlib.new(algorithm, prefix, usedforsecurity=False)
        for block in self.blocks():
            digest.update(block)
        return digest.hexdigest()

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of its bytes: by the record, else by reading them, once."""
        return self.recorded or self.hex_digest("sha256")

    def require_sent(self, sha256: str) -> None:
        """Raise unless these are the bytes that the record states.

        Raises:
            ChecksumMismatch: the file was changed after it was made.
        """
        if self.recorded not in (None, sha256):
            raise ChecksumMismatch(
                f"{self.source}: expected sha256 {self.recorded} by its record, found "
                f"{sha256}; it was changed after it was made and nothing was "
                "published: ben verify names the command that makes it again"
            )

    @contextmanager
    def on_disk(self, folder: Path) -> Iterator[Path]:
        """A file with just its bytes: itself, or a copy in ``folder`` for a while."""
        if not self.is_part:
            yield self.source
            return
        copy = folder / f".{uuid.uuid4().hex[:8]}.part"
        try:
            self.write_to(copy)
            yield copy
        finally:
            copy.unlink(missing_ok=True)

    def write_to(self, path: Path) -> None:
        """Write its bytes into a new file.

        Raises:
            LocalResourceError: the disk refuses.
        """
        with local_errors(path), path.open("xb") as file:
            for block in self.blocks():
                file.write(block)


class Sending:
    """The bytes of a file on their way, with digests of what was sent."""

    def __init__(self, file: UploadFile, progress: Callable[[int], None]) -> None:
        """Of ``file``; ``progress`` takes the number of bytes sent."""
        self._file = file
        self._progress = progress
        self._digest = StreamDigest()

    def blocks(self) -> Iterator[bytes]:
        """Its bytes in order; each try of a request begins anew."""
        self._digest = StreamDigest()
        for block in self._file.blocks():
            self._digest.update(block)
            yield block
            self._progress(self._digest.n_bytes)

    @property
    def md5(self) -> str:
        """MD5 of what was sent, hex."""
        return self._digest.hexdigest("md5")

    @property
    def sha256(self) -> str:
        """SHA-256 of what was sent, hex."""
        return self._digest.hexdigest("sha256")


class Tally:
    """Says of each file what became of it, and how much of the whole is done."""

    def __init__(self, files: Iterable[UploadFile], log: Callable[[str], None]) -> None:
        """Of ``files``; ``log`` gets the lines."""
        sizes = [file.size for file in files]
        self._log = log
        self._of = f"of {len(sizes)} files, {sum(sizes) / 1e6:,.1f} MB"
        self._count = self._bytes = 0

    def add(self, file: UploadFile, what: str) -> None:
        """One more is done."""
        self._count += 1
        self._bytes += file.size
        done = f"{self._count} {self._of}: {self._bytes / 1e6:,.1f} MB done"
        self._log(f"{file.name}: {what} ({done})")
