"""Reproducible archives: the same files give the same tar, whoever packs them where.

GNU tar format, members sorted bytewise by path, mode 0644, owner 0 without names, time
2024-01-01, blocking factor 20; zstd level 6 in its multi-thread format.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Protocol, cast

import zstandard

from ben_assets.bigearthnet.errors import ChecksumMismatch

MEMBER_MTIME: Final = 1_704_067_200
"""2024-01-01T00:00:00Z (docs/rules.md#archives)."""
ZSTD_LEVEL: Final = 6
_COPY_BYTES: Final = 1 << 20
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
        end = self.n_bytes + 2 * tarfile.BLOCKSIZE
        self._tar.write(bytes(end - self.n_bytes + -end % tarfile.RECORDSIZE))
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
        content = member.path.read_bytes()
        found = hashlib.sha256(content).hexdigest()
    except FileNotFoundError:
        content, found = b"", "no such file"
    if found != member.sha256:
        raise ChecksumMismatch(
            f"{member.path}: expected sha256 {member.sha256}, found {found}; the file "
            "was changed after it was made: materialize its tile again"
        )
    return content


def _encode(name: str, content: bytes) -> bytes:
    """Header and content of one file, as GNU tar writes them."""
    path = name.encode()
    if len(path) <= tarfile.LENGTH_NAME:
        return _header(name, len(content)) + _to_blocks(content)
    # GNU tar gives the record of a long name mode 0644, Python's tarfile 0000
    long_name = _header("././@LongLink", len(path) + 1, mtime=0, kind=b"L")
    short = path[: tarfile.LENGTH_NAME].decode()
    return b"".join(
        (
            long_name,
            _to_blocks(path + b"\0"),
            _header(short, len(content)),
            _to_blocks(content),
        )
    )


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


def members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of each member of a ``.tar.zst``.

    Raises:
        ChecksumMismatch: the file is cut short or damaged.
    """
    try:
        with (
            path.open("rb") as file,
            zstandard.ZstdDecompressor().stream_reader(file, closefd=False) as stream,
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
