"""Archives of the data set: reproducible tars, compressed in frames that can be joined.

Files that stay together in every archive, whatever else it holds, are a run, and a run
is one zstd frame of level 6 in its multi-thread format. So the frames of tiles, put one
behind the other in the order of their runs, are an archive of all of them. The end of
the tar, which depends on its length, is a frame of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

import zstandard

from ben_assets.bigearthnet import tars
from ben_assets.bigearthnet.checksums import (
    StreamDigest,
    StreamDigests,
    proven_content,
)
from ben_assets.bigearthnet.errors import ChecksumMismatch
from ben_assets.bigearthnet.plain_files import open_plain

ZSTD_LEVEL: Final = 6
_FRAME_DIGEST: Final = "sha256"
_COPY_BYTES: Final = 1 << 20
_PROGRESS_STEP: Final = 50_000


@dataclass(frozen=True)
class Member:
    """A file to pack."""

    name: str
    """Path inside the archive."""
    path: str
    """File on disk; pathlib would take its time for 100,000 of them."""
    sha256: str
    """What its content must have."""


@dataclass(frozen=True)
class Frame:
    """A run of files in an archive: one zstd frame."""

    offset: int
    """Where it begins in the compressed file, in bytes."""
    bytes: int
    """Its compressed size."""
    sha256: str
    """SHA-256 of its compressed bytes, hex."""
    members: int
    """Number of files in it."""


@dataclass(frozen=True)
class StoredFrame:
    """A frame to copy from another archive."""

    path: Path
    """The archive."""
    frame: Frame
    """Where it lies there."""


Run = StoredFrame | Sequence[Member]
"""Files that stay together: packed already, or to be packed."""


@dataclass(frozen=True)
class Archive:
    """What packing gave."""

    tar: StreamDigests
    """The tar inside."""
    zst: StreamDigests
    """The compressed file."""
    members: int
    """Number of files packed."""
    frames: dict[str, Frame]
    """What the names of each run begin with, to its frame."""


def pack(
    target: Path,
    runs: Mapping[str, Run],
    *,
    threads: int,
    on_progress: Callable[[int], None] = lambda done: None,
) -> Archive:
    """Write a ``.tar.zst``: members sorted bytewise by name, one frame a run.

    The bytes are the same whether a run is packed here or copied from where this
    version of zstandard packed the same files.

    Args:
        target: file to write.
        runs: what the names of a run begin with, and no others do, to its files, in any
            order.
        threads: for compression and digests, at least 1; their number does not change
            bytes.
        on_progress: called with the number of files packed, every 50,000 files.

    Raises:
        ChecksumMismatch: a file or frame is not what its digest says.
    """
    told = 0
    with target.open("wb") as file, ThreadPoolExecutor(max(threads, 1)) as pool:
        archive = _Frames(file, max(threads, 1), pool)
        for run in sorted(runs, key=str.encode):
            archive.append(run, runs[run])
            if archive.members // _PROGRESS_STEP > told:
                told = archive.members // _PROGRESS_STEP
                on_progress(archive.members)
        return archive.close()


class _Frames:
    """Appends frames to a file; keeps what it must say of them, and all digests."""

    def __init__(self, file: IO[bytes], threads: int, pool: Executor) -> None:
        self._file = file
        self._compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL, threads=threads)
        self._decompressor = zstandard.ZstdDecompressor()
        self._pool = pool
        self._zst, self._tar, self._frame = (StreamDigest(pool) for _ in range(3))
        self._frames: dict[str, Frame] = {}
        self.members = 0

    def append(self, name: str, run: Run) -> None:
        """Append the frame of a run, which has this name."""
        offset = self._zst.n_bytes
        self._frame = StreamDigest(self._pool, (_FRAME_DIGEST,))
        if isinstance(run, StoredFrame):
            self._copy(run)
            members = run.frame.members
        else:
            self._compress(_encoded(run))
            members = len(run)
        found = self._frame.hexdigest(_FRAME_DIGEST)
        self._frames[name] = Frame(offset, self._frame.n_bytes, found, members)
        self.members += members

    def close(self) -> Archive:
        """End the tar, in a frame of its own."""
        self._compress([tars.end_after(self._tar.n_bytes)])
        zst, tar = self._zst.result(), self._tar.result()
        return Archive(tar, zst, self.members, self._frames)

    def write(self, data: bytes) -> int:
        """Append compressed bytes."""
        self._zst.update(data)
        self._frame.update(data)
        return self._file.write(data)

    def _compress(self, parts: Iterable[bytes]) -> None:
        sink = cast("IO[bytes]", self)
        with self._compressor.stream_writer(sink, closefd=False) as stream:
            for part in parts:
                self._tar.update(part)
                stream.write(part)

    def _copy(self, stored: StoredFrame) -> None:
        """Append a frame; what is in it is digested while it passes."""
        try:
            with open_plain(stored.path) as file:
                source = cast("IO[bytes]", _Copying(file, stored.frame, self))
                with self._decompressor.stream_reader(source, _COPY_BYTES) as stream:
                    while part := stream.read(_COPY_BYTES):
                        self._tar.update(part)
            found = self._frame.hexdigest(_FRAME_DIGEST)
        except (FileNotFoundError, zstandard.ZstdError) as error:
            found = str(error)
        if found != stored.frame.sha256:
            raise ChecksumMismatch(
                f"{stored.path}: expected at byte {stored.frame.offset} a frame of "
                f"{stored.frame.bytes} bytes with sha256 {stored.frame.sha256}, found "
                f"{found}; the archive was changed after it was made: materialize "
                "archives of its tile again"
            )


class _Copying:
    """The bytes of a frame, appended to another file as they are read."""

    def __init__(self, file: IO[bytes], frame: Frame, target: _Frames) -> None:
        self._file, self._target = file, target
        self._left = frame.bytes
        file.seek(frame.offset)

    def read(self, size: int) -> bytes:
        data = self._file.read(min(size, self._left))
        self._left -= len(data)
        self._target.write(data)
        return data


def _encoded(members: Iterable[Member]) -> Iterator[bytes]:
    for member in sorted(members, key=lambda member: member.name.encode()):
        yield tars.encode(member.name, proven_content(member.path, member.sha256))
