"""Reproducible archives: the same files give the same tar, whoever packs them where.

GNU tar format, members sorted bytewise by path, mode 0644, owner 0 without names, time
2024-01-01, blocking factor 20; zstd level 6 in its multi-thread format.
"""

from __future__ import annotations

import contextlib
import hashlib
import tarfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Protocol, cast

import zstandard

from ben_assets.bigearthnet.errors import ChecksumMismatch
from ben_assets.bigearthnet.plain_files import NotAFile, read_plain

MEMBER_MTIME: Final = 1_704_067_200
"""2024-01-01T00:00:00Z (docs/rules.md#archives)."""
ZSTD_LEVEL: Final = 6
_COPY_BYTES: Final = 1 << 20
_AHEAD_BYTES: Final = 4 << 20
_SIZE_FIELD: Final = slice(124, 135)
"""Where a header states the size of its file, in octal digits (POSIX ustar)."""
_PROGRESS_STEP: Final = 50_000


class _Sink(Protocol):
    def write(self, data: bytes, /) -> Any: ...  # noqa: ANN401  # of any file-like


class _Digesting:
    """Passes bytes on and keeps their number, SHA-256 and MD5."""

    def __init__(self, sink: _Sink) -> None:
        self._sink = sink
        self._sha256, self._md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        self.n_bytes = 0

    def write(self, data: bytes) -> int:
        self._sha256.update(data)
        self._md5.update(data)
        self.n_bytes += len(data)
        self._sink.write(data)
        return len(data)

    def digest(self) -> FileDigest:
        return FileDigest(self.n_bytes, self._sha256.hexdigest(), self._md5.hexdigest())


@dataclass(frozen=True)
class FileDigest:
    """Size and digests of a stream of bytes."""

    bytes: int
    """Number of bytes."""
    sha256: str
    """SHA-256, hex."""
    md5: str
    """MD5, hex, as the data set was published with."""


@dataclass(frozen=True)
class Member:
    """A file to pack."""

    name: str
    """Path inside the archive."""
    path: Path
    """File on disk."""
    sha256: str
    """What its content must have."""


@dataclass(frozen=True)
class Archive:
    """What packing gave."""

    tar: FileDigest
    """The tar inside."""
    zst: FileDigest
    """The compressed file."""
    members: int
    """Number of files packed."""


class TarWriter:
    """Writes a tar member by member and keeps its digests."""

    def __init__(self, sink: _Sink) -> None:
        """Write to ``sink``, which is not closed."""
        self._tar = _Digesting(sink)

    @property
    def n_bytes(self) -> int:
        """Bytes written so far."""
        return self._tar.n_bytes

    def add(self, name: str, content: bytes) -> None:
        """Append a file."""
        self._tar.write(_encode(name, content))

    def close(self) -> FileDigest:
        """End the tar: two empty blocks, filled up to whole records."""
        self._tar.write(_end(self.n_bytes))
        return self._tar.digest()


def pack(
    target: Path,
    members: Iterable[Member],
    *,
    threads: int,
    on_progress: Callable[[int], None] = lambda done: None,
) -> Archive:
    """Write the files as a ``.tar.zst``.

    Args:
        target: file to write.
        members: the files, in any order.
        threads: compression threads, at least 1; their number does not change bytes.
        on_progress: called with the number of files packed, every 50,000 files.

    Raises:
        ChecksumMismatch: a file is not what its digest says.
    """
    compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL, threads=max(threads, 1))
    count = 0
    with target.open("wb") as file:
        zst = _Digesting(file)
        with compressor.stream_writer(cast("IO[bytes]", zst), closefd=False) as stream:
            tar = TarWriter(stream)
            for member in sorted(members, key=lambda member: member.name.encode()):
                tar.add(member.name, _proven_content(member))
                count += 1
                if count % _PROGRESS_STEP == 0:
                    on_progress(count)
            tar_digest = tar.close()
    return Archive(tar_digest, zst.digest(), count)


def _proven_content(member: Member) -> bytes:
    try:
        content = read_plain(member.path)
        found = hashlib.sha256(content).hexdigest()
    except (FileNotFoundError, NotAFile) as error:
        content, found = b"", str(error.strerror).lower()
    if found != member.sha256:
        raise ChecksumMismatch(
            f"{member.path}: expected sha256 {member.sha256}, found {found}; the file "
            "was changed after it was made: materialize its tile again"
        )
    return content


def _encode(name: str, content: bytes) -> bytes:
    """Headers and content of one file, as GNU tar writes them."""
    return _headers(name, len(content)) + _to_blocks(content)


def _headers(name: str, size: int) -> bytes:
    """What precedes the content of a file of ``size`` bytes."""
    path = name.encode()
    if len(path) <= tarfile.LENGTH_NAME:
        return _header(name, size)
    # GNU tar gives the record of a long name mode 0644, Python's tarfile 0000
    long_name = _header("././@LongLink", len(path) + 1, mtime=0, kind=b"L")
    short = path[: tarfile.LENGTH_NAME].decode()
    return long_name + _to_blocks(path + b"\0") + _header(short, size)


def _end(n_bytes: int) -> bytes:
    """What follows the last file, which ends at ``n_bytes``."""
    end = n_bytes + 2 * tarfile.BLOCKSIZE
    return bytes(end - n_bytes + -end % tarfile.RECORDSIZE)


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
            end = _end(tar.n_bytes)
            return tar.take(len(end) + 1) == end
    except (zstandard.ZstdError, ValueError):
        return False


def _is_next(tar: _Ahead, member: Member) -> bool:
    headers = tar.take(len(_headers(member.name, 0)))
    size = int(bytes(headers[-tarfile.BLOCKSIZE :][_SIZE_FIELD]), 8)
    if headers != _headers(member.name, size):
        return False
    content = tar.take(size)
    padding = tar.take(-size % tarfile.BLOCKSIZE)
    is_whole = len(content) == size and not any(padding)
    return is_whole and hashlib.sha256(content).hexdigest() == member.sha256


@contextlib.contextmanager
def _decompressed(path: Path) -> Iterator[IO[bytes]]:
    decompressor = zstandard.ZstdDecompressor()
    with (
        path.open("rb") as file,
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
    except (zstandard.ZstdError, tarfile.TarError, EOFError) as error:
        raise ChecksumMismatch(
            f"{path}: expected a whole .tar.zst, found damage ({error}); "
            "materialize the archive again"
        ) from error
