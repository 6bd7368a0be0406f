"""``MANIFEST.csv.zst``: path, size and SHA-256 of every file of the data set.

Whoever has extracted the archives can verify each file by it, without a data root.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import zstandard

from ben_assets.bigearthnet.archives import ZSTD_LEVEL
from ben_assets.bigearthnet.errors import InvalidInput, MissingInput
from ben_assets.bigearthnet.plain_files import NotAFile, read_plain
from ben_assets.bigearthnet.relative_names import stays_inside

MANIFEST_FILE: Final = "MANIFEST.csv.zst"
_HEADER: Final = ["path", "bytes", "sha256"]
_SIZE: Final = re.compile(r"[0-9]{1,18}")
_BLOCK: Final = 1 << 12
"""Bytes read at a time: zstd makes 128 MiB of them at most."""
_LONGEST_LINE: Final = 1 << 16


@dataclass(frozen=True, order=True)
class ListedFile:
    """One file of the data set."""

    path: str
    """Path below the extracted root, such as ``BigEarthNet-S2/...``."""
    bytes: int
    """Its size."""
    sha256: str
    """SHA-256 of its bytes, hex."""


def write_manifest(path: Path, files: Iterable[ListedFile]) -> None:
    """Write a manifest; ``files`` come sorted bytewise by path."""
    compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL)
    with (
        path.open("wb") as raw,
        compressor.stream_writer(raw, closefd=False) as stream,
        io.TextIOWrapper(stream, encoding="utf-8", newline="") as text,
    ):
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(_HEADER)
        rows.writerows((file.path, file.bytes, file.sha256) for file in files)


def read_manifest(path: Path) -> Iterator[ListedFile]:
    """The files of a manifest, in its order.

    Raises:
        MissingInput: it is not there.
        InvalidInput: it is damaged, or names a path outside of the data set.
    """
    try:
        with io.BytesIO(read_plain(path)) as raw:
            rows = csv.reader(_lines(raw), strict=True)
            _require(path, 1, next(rows, None) == _HEADER, ",".join(_HEADER))
            for number, row in enumerate(rows, start=2):
                yield _listed_file(path, number, row)
    except FileNotFoundError as error:
        raise MissingInput(
            f"{path} is missing; take it from the release, or say where it is by "
            "--manifest"
        ) from error
    except (NotAFile, zstandard.ZstdError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(
            f"{path}: expected a zstd-compressed CSV, found damage ({error}); take it "
            "from the release again"
        ) from error


def _lines(raw: BinaryIO) -> Iterator[str]:
    """The lines of a compressed text, which must be whole.

    Raises:
        ZstdError: it is cut off, no zstd, or has a line longer than any path.
    """
    decompressor = zstandard.ZstdDecompressor().decompressobj()
    rest = b""
    while block := raw.read(_BLOCK):
        *lines, rest = (rest + decompressor.decompress(block)).split(b"\n")
        if len(rest) > _LONGEST_LINE:
            raise zstandard.ZstdError(f"a line is longer than {_LONGEST_LINE} bytes")
        yield from (line.decode() for line in lines)
    if not decompressor.eof or rest:
        raise zstandard.ZstdError("it is cut off")


def _listed_file(path: Path, number: int, row: list[str]) -> ListedFile:
    _require(
        path,
        number,
        len(row) == 3 and _SIZE.fullmatch(row[1]) is not None,
        "path,bytes,sha256",
    )
    name, n_bytes, sha256 = row
    _require(path, number, stays_inside(name), "a path below the root")
    _require(path, number, len(sha256) == 64, "64 hex digits")
    return ListedFile(name, int(n_bytes), sha256)


def _require(path: Path, number: int, holds: bool, expected: str) -> None:
    if not holds:
        raise InvalidInput(
            f"{path}, line {number}: expected {expected}, found something else; take "
            "the manifest from the release again"
        )
