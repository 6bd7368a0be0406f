"""What makes a zip harmful, found before anything of it is unpacked.

Belongs here: names, sizes and structure. Not here: the content (``zips``).
"""

from __future__ import annotations

import stat
import struct
import unicodedata
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.errors import TruncatedZip, UnsafeZip
from ben_assets.bigearthnet.plain_files import open_plain
from ben_assets.bigearthnet.relative_names import MAX_PART_BYTES

MAX_MEMBERS: Final = 10_000
"""An L1C product has about 130 members."""
MAX_PRODUCT_BYTES: Final = 8 << 30
"""Unpacked size of a product; the largest of Sentinel-2 are below 2 GiB."""
MAX_RATIO: Final = 200
"""Unpacked to packed size of one member above ``SMALL_MEMBER``; XML reaches 30."""
SMALL_MEMBER: Final = 16 << 20
"""Members up to this size are never a bomb on their own."""
_MAX_DIRECTORY_BYTES: Final = 16 << 20
_MAX_NAME_BYTES: Final = 1024
LOCAL_HEADER: Final = b"PK\x03\x04"
_OF_FINDER: Final = "__MACOSX"
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def require_whole(path: Path) -> None:
    """See that a file is a zip from its first to its last byte, its directory small.

    Raises:
        UnsafeZip: it is none, or other bytes stand before or after it.
        TruncatedZip: its end is missing.
    """
    size = path.stat().st_size
    with open_plain(path) as file:
        start = file.read(80)
        file.seek(max(0, size - 65_557))
        tail = file.read()
    if not start.startswith(LOCAL_HEADER):
        raise UnsafeZip(
            f"{path.name} is not a zip: expected to start with 'PK', found "
            f"{start[:60]!r} ({size} bytes)"
        )
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) < end + 22:
        raise TruncatedZip(
            f"{path.name} is cut short: no zip directory at the end of its {size} bytes"
        )
    directory, comment = struct.unpack_from("<I4xH", tail, end + 12)
    if len(tail) != end + 22 + comment:
        raise UnsafeZip(f"{path.name}: other bytes follow the end of the zip")
    wide = tail.rfind(b"PK\x06\x06", 0, end)
    if directory == 0xFFFFFFFF and wide >= 0:
        directory = struct.unpack_from("<Q", tail, wide + 40)[0]
    if directory > _MAX_DIRECTORY_BYTES:
        raise UnsafeZip(f"{path.name}: its directory of {directory} bytes is a bomb")


def checked_members(path: Path, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """All members, if not one of them could do harm.

    Raises:
        UnsafeZip: some could; the first twenty are named with what is wrong.
    """
    infos = archive.infolist()
    problems = [f"{len(infos)} members"] if len(infos) > MAX_MEMBERS else []
    if not infos:
        problems.append("no member")
    for info in infos[:MAX_MEMBERS]:
        problem = _problem_of(info)
        if problem:
            problems.append(f"{info.orig_filename[:200]!r} {problem}")
    problems += _repeated(infos)
    problems += _overlapping(infos)
    total = sum(info.file_size for info in infos)
    if total > MAX_PRODUCT_BYTES:
        problems.append(f"{total} bytes when unpacked")
    tops = sorted({info.filename.partition("/")[0] for info in infos})
    if _OF_FINDER in tops:
        problems.append(
            f"the folder {_OF_FINDER} of macOS lies beside the product: pack the .SAFE "
            "folder alone, as with 'zip -r -X product.zip product.SAFE'"
        )
    elif len(tops) != 1 or not tops[0].endswith(".SAFE"):
        problems.append(f"expected one .SAFE folder, found {tops[:5]}")
    if problems:
        raise UnsafeZip(
            f"{path.name} is refused, nothing was unpacked: "
            + "; ".join(problems[:20])
            + ("" if _OF_FINDER in tops else "; get the product again from its source")
        )
    return infos


def _problem_of(info: zipfile.ZipInfo) -> str | None:
    """Why a member must not be unpacked."""
    name = info.orig_filename
    parts = name.removesuffix("/").split("/")
    kind = stat.S_IFMT(info.external_attr >> 16)
    claims = {
        "has an absolute name": name.startswith("/") or name[1:2] == ":",
        "climbs out of its folder": ".." in parts,
        "has an unsafe name": "" in parts[1:] or "." in parts or not _is_plain(name),
        "is a link or device": kind
        not in (0, stat.S_IFDIR if info.is_dir() else stat.S_IFREG),
        "lies outside the .SAFE folder": len(parts) == 1 and not info.is_dir(),
        "is a folder with content": info.is_dir() and info.file_size > 0,
        "is encrypted": bool(info.flag_bits & 0x1),
        "is packed in an unknown way": info.compress_type not in _METHODS,
        "is a bomb": info.file_size > SMALL_MEMBER
        and info.file_size > MAX_RATIO * max(1, info.compress_size),
        "is stored with two sizes": info.compress_type == zipfile.ZIP_STORED
        and info.file_size != info.compress_size,
    }
    return next((claim for claim, holds in claims.items() if holds), None)


def _is_plain(name: str) -> bool:
    sizes = [len(part.encode()) for part in name.split("/")]
    is_short = sum(sizes) < _MAX_NAME_BYTES and max(sizes) <= MAX_PART_BYTES
    return "\\" not in name and name.isprintable() and is_short


def _repeated(infos: list[zipfile.ZipInfo]) -> Iterator[str]:
    """Names that would fall on one path where case or Unicode form do not count."""
    seen: set[str] = set()
    files = {_folded(info.filename) for info in infos if not info.is_dir()}
    for info in infos:
        name = _folded(info.filename.removesuffix("/"))
        if name in seen:
            yield f"{info.filename!r} is there twice"
        seen.add(name)
        parents = name.split("/")[:-1]
        if any("/".join(parents[: n + 1]) in files for n in range(len(parents))):
            yield f"{info.filename!r} lies below a file"


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name.casefold())


def _overlapping(infos: list[zipfile.ZipInfo]) -> Iterator[str]:
    """Members that share packed bytes, the trick of the densest bombs."""
    end, before = 0, ""
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            yield f"{info.filename!r} overlaps {before!r}"
        name = len(info.orig_filename.encode())
        end = info.header_offset + 30 + name + info.compress_size
        before = info.filename
