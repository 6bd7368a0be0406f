"""What archives hold: read back, and compared with the files that they must hold."""

from __future__ import annotations

import contextlib
import hashlib
import tarfile
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Final, cast

import zstandard

from ben_assets.bigearthnet import tars
from ben_assets.bigearthnet.archives import Member
from ben_assets.bigearthnet.errors import ChecksumMismatch
from ben_assets.bigearthnet.plain_files import open_plain

_COPY_BYTES: Final = 1 << 20
_AHEAD_BYTES: Final = 4 << 20


class _Ahead:
    """Bytes of a stream; the next are decompressed while these are looked at."""

    def __init__(self, stream: IO[bytes], thread: ThreadPoolExecutor) -> None:
        self._stream, self._thread = stream, thread
        self._next = self._read_next()
        self._here, self._at = b"", 0
        self.n_bytes = 0

    def _read_next(self) -> Future[bytes]:
        return self._thread.submit(self._stream.read, _AHEAD_BYTES)

    def take(self, size: int) -> memoryview:
        """The next ``size`` bytes, fewer at the end."""
        while len(self._here) - self._at < size and (more := self._next.result()):
            self._next = self._read_next()
            self._here, self._at = self._here[self._at :] + more, 0
        taken = memoryview(self._here)[self._at : self._at + size]
        self._at += len(taken)
        self.n_bytes += len(taken)
        return taken


def holds(path: Path, members: Iterable[Member]) -> bool:
    """Whether a ``.tar.zst`` decompresses to just what ``pack`` makes of the files.

    The files themselves are not read: each content must have its digest. What differs,
    be it damage, is for ``members``, which takes longer.
    """
    ordered = sorted(members, key=lambda one: one.name.encode())
    try:
        with _decompressed(path) as stream, ThreadPoolExecutor(1) as thread:
            tar = _Ahead(stream, thread)
            if not all(_is_next(tar, member) for member in ordered):
                return False
            end = tars.end_after(tar.n_bytes)
            return tar.take(len(end) + 1) == end
    except (zstandard.ZstdError, ValueError):
        return False


def _is_next(tar: _Ahead, member: Member) -> bool:
    headers = bytes(tar.take(tars.headers_length(member.name)))
    size = tars.stated_size(headers)
    if headers != tars.headers(member.name, size):
        return False
    content = tar.take(size)
    padding = tar.take(-size % tarfile.BLOCKSIZE)
    is_whole = len(content) == size and not any(padding)
    return is_whole and hashlib.sha256(content).hexdigest() == member.sha256


@contextlib.contextmanager
def _decompressed(path: Path) -> Iterator[IO[bytes]]:
    decompressor = zstandard.ZstdDecompressor()
    with (
        open_plain(path) as file,
        decompressor.stream_reader(
            file, read_across_frames=True, closefd=False
        ) as stream,
    ):
        yield cast("IO[bytes]", stream)


def members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of each member of a ``.tar.zst``.

    Raises:
        ChecksumMismatch: the file is cut short or damaged.
    """
    try:
        with (
            _decompressed(path) as stream,
            tarfile.open(mode="r|", fileobj=stream) as tar,
        ):
            for info in tar:
                extracted = tar.extractfile(info)
                if extracted is not None:
                    yield info.name, extracted.read()
            while stream.read(_COPY_BYTES):
                pass
            # tarfile takes a tar for whole that ends after any of its members
            end = tar.offset + len(tars.end_after(tar.offset))
            if stream.tell() != end:
                raise EOFError(f"{stream.tell()} bytes of tar in place of {end}")
    except (zstandard.ZstdError, tarfile.TarError, EOFError) as error:
        raise ChecksumMismatch(
            f"{path}: expected a whole .tar.zst, found damage ({error}); "
            "materialize the archive again"
        ) from error
