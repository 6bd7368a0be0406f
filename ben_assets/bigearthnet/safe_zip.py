"""Zips of Sentinel products: what lies inside, and unpacking that can do no harm.

Belongs here: structure of the zip, safety of its member names, extraction. Not here:
whether the content is right (``product_proofs``), where a .SAFE keeps what (``safe``).
"""

from __future__ import annotations

import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.errors import (
    CorruptProduct,
    InvalidInput,
    TruncatedZip,
    UnsafeZip,
)

CHUNK: Final = 1 << 20
"""Bytes read at once from a member."""
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
_LOCAL_HEADER: Final = b"PK\x03\x04"
_NESTED_MAGICS: Final = (_LOCAL_HEADER, b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf")
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
EMPTY_FOLDERS: Final = (
    "AUX_DATA",
    "HTML",
    "DATASTRIP/*/QI_DATA",
    "GRANULE/*/AUX_DATA",
    "GRANULE/*/QI_DATA",
)
"""Folders that services drop where they are empty, and that sen2cor 2.11 needs."""


class ProductZip:
    """A zip that holds one product and is safe to read and to unpack."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        """Use :meth:`open`."""
        self.path = path
        self._archive = archive
        self._infos = {info.filename: info for info in _checked_members(path, archive)}
        self.safe_name = next(iter(self._infos)).partition("/")[0]

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[ProductZip]:
        """The zip at ``path``, after its structure was found whole and harmless.

        Raises:
            UnsafeZip: no zip, cut short, followed by other bytes, a bomb, or a member
                with an absolute, climbing, repeated or otherwise unsafe name.
        """
        _require_whole(path)
        try:
            with zipfile.ZipFile(path) as archive:
                yield cls(path, archive)
        except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
            raise UnsafeZip(f"{path.name} is not a sound zip: {error}") from error

    @property
    def product(self) -> str:
        """Name of the product's folder without ``.SAFE``."""
        return self.safe_name.removesuffix(".SAFE")

    def sizes(self) -> dict[str, int]:
        """Size in bytes of every file, by its path below the .SAFE folder."""
        return {
            self._inner(name): info.file_size
            for name, info in self._infos.items()
            if not info.is_dir()
        }

    def chunks(self, inner: str) -> Iterator[bytes]:
        """The content of a file in pieces; its CRC is checked at the end.

        Raises:
            CorruptProduct: the content has another CRC or length than stated, or
                is an archive itself.
        """
        info = self._infos[f"{self.safe_name}/{inner}"]
        size = 0
        try:
            with self._archive.open(info) as member:
                while chunk := member.read(CHUNK):
                    if size == 0 and chunk.startswith(_NESTED_MAGICS):
                        raise UnsafeZip(f"{inner} in {self.path.name} is an archive")
                    size += len(chunk)
                    yield chunk
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise CorruptProduct(
                f"{inner} in {self.path.name} is damaged: {error}"
            ) from error
        if size != info.file_size:
            raise CorruptProduct(
                f"{inner} in {self.path.name}: expected {info.file_size} bytes by the "
                f"directory of the zip, found {size}"
            )

    def read(self, inner: str, limit: int = 64 << 20) -> bytes:
        """The whole content of a small file.

        Raises:
            CorruptProduct: missing, damaged, or larger than ``limit`` bytes.
        """
        size = self.sizes().get(inner)
        if size is None or size > limit:
            found = "no such file" if size is None else f"{size} bytes"
            raise CorruptProduct(
                f"{self.path.name}: expected {self.safe_name}/{inner} of at most "
                f"{limit} bytes, found {found}"
            )
        return b"".join(self.chunks(inner))

    def extract(
        self, folder: Path, on_restored: Callable[[str], None] = lambda name: None
    ) -> Path:
        """Unpack below ``folder`` and return the .SAFE folder, ``EMPTY_FOLDERS`` added.

        Args:
            folder: takes the .SAFE folder.
            on_restored: told of each folder that was added.

        Raises:
            InvalidInput: there is already such a folder.
            CorruptProduct: a member is damaged; what was unpacked is removed.
        """
        target = folder / self.safe_name
        if target.exists():
            raise InvalidInput(f"{target} is there already; remove it first")
        try:
            for name, info in self._infos.items():
                if info.is_dir():
                    (folder / name).mkdir(parents=True, exist_ok=True)
                else:
                    self._extract_file(self._inner(name), folder / name)
            for name in restore_empty_folders(target):
                on_restored(name)
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise
        return target

    def _extract_file(self, inner: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            for chunk in self.chunks(inner):
                file.write(chunk)

    def _inner(self, name: str) -> str:
        return name.removeprefix(f"{self.safe_name}/")


def extract_product(
    zip_path: Path,
    target_folder: Path,
    on_restored: Callable[[str], None] = lambda name: None,
) -> Path:
    """Unpack the product zip below ``target_folder``; returns the ``.SAFE`` folder.

    Nothing is written before names and sizes of all members were found harmless;
    every CRC is checked. Folders that services drop where empty are put back, and
    ``on_restored`` is told of each.

    Raises:
        UnsafeZip: the zip is refused as a whole.
        CorruptProduct: a member is damaged.
        InvalidInput: the product's folder is there already.
    """
    with ProductZip.open(zip_path) as archive:
        return archive.extract(target_folder, on_restored)


def restore_empty_folders(safe: Path) -> list[str]:
    """Make the folders of ``EMPTY_FOLDERS`` that a .SAFE folder lacks.

    Returns:
        Those that were made, relative to ``safe``.
    """
    made = []
    for pattern in EMPTY_FOLDERS:
        parent, _, name = pattern.rpartition("/")
        for folder in sorted(safe.glob(parent)) if parent else [safe]:
            if not (folder / name).exists():
                (folder / name).mkdir()
                made.append((folder / name).relative_to(safe).as_posix())
    return made


def product_of_zip(path: Path) -> str | None:
    """The product a zip claims to hold, by its first member; None for other files.

    Reads a few bytes, so that also a zip that was cut short is known by its name.
    """
    with path.open("rb") as file:
        header = file.read(30)
        if len(header) < 30 or not header.startswith(_LOCAL_HEADER):
            return None
        name = file.read(struct.unpack_from("<H", header, 26)[0])
    top = name.decode("utf-8", "replace").partition("/")[0]
    return top.removesuffix(".SAFE") if top.endswith(".SAFE") else None


def _require_whole(path: Path) -> None:
    """A zip from its first to its last byte, with a directory of sane size."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(80)
        file.seek(max(0, size - 65_557))
        tail = file.read()
    if not start.startswith(_LOCAL_HEADER):
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


def _checked_members(path: Path, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
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
    if len(tops) != 1 or not tops[0].endswith(".SAFE"):
        problems.append(f"expected one .SAFE folder, found {tops[:5]}")
    if problems:
        raise UnsafeZip(
            f"{path.name} is refused, nothing was unpacked: "
            + "; ".join(problems[:20])
            + "; get the product again from its source"
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
    return (
        "\\" not in name and name.isprintable() and len(name.encode()) < _MAX_NAME_BYTES
    )


def _repeated(infos: list[zipfile.ZipInfo]) -> Iterable[str]:
    """Names that would fall on one path, also where upper and lower case are one."""
    seen: set[str] = set()
    files = {info.filename.casefold() for info in infos if not info.is_dir()}
    for info in infos:
        name = info.filename.removesuffix("/").casefold()
        if name in seen:
            yield f"{info.filename!r} is there twice"
        seen.add(name)
        parents = name.split("/")[:-1]
        if any("/".join(parents[: n + 1]) in files for n in range(len(parents))):
            yield f"{info.filename!r} lies below a file"


def _overlapping(infos: list[zipfile.ZipInfo]) -> Iterable[str]:
    """Members that share packed bytes, the trick of the densest bombs."""
    end, before = 0, ""
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            yield f"{info.filename!r} overlaps {before!r}"
        name = len(info.orig_filename.encode())
        end = info.header_offset + 30 + name + info.compress_size
        before = info.filename
