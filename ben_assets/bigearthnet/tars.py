"""Reproducible tars: the same files give the same bytes, whoever packs them where.

GNU tar format, mode 0644, owner 0 without names, time 2024-01-01, blocking factor 20.
"""

from __future__ import annotations

import functools
import tarfile
from typing import Any, Final, Protocol

from ben_assets.bigearthnet.checksums import StreamDigest, StreamDigests

MEMBER_MTIME: Final = 1_704_067_200
"""2024-01-01T00:00:00Z (docs/rules.md#archives)."""
_SIZE_FIELD: Final = slice(124, 135)
"""Where a header states the size of its file, in octal digits (POSIX ustar)."""


class _Sink(Protocol):
    def write(self, data: bytes, /) -> Any: ...  # noqa: ANN401  # of any file-like


class TarWriter:
    """Writes a tar member by member and keeps its digests."""

    def __init__(self, sink: _Sink) -> None:
        """Write to ``sink``, which is not closed."""
        self._sink, self._digest = sink, StreamDigest()

    @property
    def n_bytes(self) -> int:
        """Bytes written so far."""
        return self._digest.n_bytes

    def add(self, name: str, content: bytes) -> None:
        """Append a file."""
        self._write(encode(name, content))

    def close(self) -> StreamDigests:
        """End the tar: two empty blocks, filled up to whole records."""
        self._write(end_after(self.n_bytes))
        return self._digest.result()

    def _write(self, data: bytes) -> None:
        self._digest.update(data)
        self._sink.write(data)


def encode(name: str, content: bytes) -> bytes:
    """Headers and content of one file, as GNU tar writes them."""
    return headers(name, len(content)) + _to_blocks(content)


def headers(name: str, size: int) -> bytes:
    """What precedes the content of a file of ``size`` bytes."""
    path = name.encode()
    if len(path) <= tarfile.LENGTH_NAME:
        return _header(name, size)
    # GNU tar gives the record of a long name mode 0644, Python's tarfile 0000
    long_name = _header("././@LongLink", len(path) + 1, mtime=0, kind=b"L")
    short = path[: tarfile.LENGTH_NAME].decode()
    return long_name + _to_blocks(path + b"\0") + _header(short, size)


def headers_length(name: str) -> int:
    """Bytes of ``headers`` of a file with this name, whatever its size."""
    length = len(name.encode())
    if length <= tarfile.LENGTH_NAME:
        return tarfile.BLOCKSIZE
    return (length // tarfile.BLOCKSIZE + 3) * tarfile.BLOCKSIZE


def stated_size(header: bytes) -> int:
    """Size of the file that headers precede.

    Raises:
        ValueError: they state none.
    """
    return int(header[-tarfile.BLOCKSIZE :][_SIZE_FIELD], 8)


def end_after(n_bytes: int) -> bytes:
    """What follows the last file, which ends at ``n_bytes``."""
    end = n_bytes + 2 * tarfile.BLOCKSIZE
    return bytes(end - n_bytes + -end % tarfile.RECORDSIZE)


@functools.lru_cache(1024)
def _header(
    name: str, size: int, *, mtime: int = MEMBER_MTIME, kind: bytes = tarfile.REGTYPE
) -> bytes:
    """A GNU header block; ``tarfile`` makes the same in ten times the time."""
    numbers = f"0000644\0{0:07o}\0{0:07o}\0{size:011o}\0{mtime:011o}\0".encode()
    fields = name.encode().ljust(tarfile.LENGTH_NAME, b"\0") + numbers
    rest = kind + bytes(tarfile.LENGTH_LINK) + tarfile.GNU_MAGIC
    # the checksum counts its own eight bytes as blanks
    checksum = sum(fields) + sum(rest) + 8 * ord(" ")
    block = fields + f"{checksum:06o}\0 ".encode() + rest
    return block.ljust(tarfile.BLOCKSIZE, b"\0")


def _to_blocks(content: bytes) -> bytes:
    return content + bytes(-len(content) % tarfile.BLOCKSIZE)
