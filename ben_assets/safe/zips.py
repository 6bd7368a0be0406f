"""Zips of Sentinel products: what lies inside, and unpacking that can do no harm.

Belongs here: reading and extraction. Not here: what is refused (``zip_safety``),
whether the content is right (``manifest``), where a .SAFE keeps what (``l1c``,
``l2a``).
"""

from __future__ import annotations

import hashlib
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.errors import (
    CorruptProduct,
    InvalidInput,
    UnsafeZip,
)
from ben_assets.bigearthnet.plain_files import open_plain
from ben_assets.safe.file_digests import CHUNK
from ben_assets.safe.zip_safety import (
    LOCAL_HEADER,
    checked_members,
    require_whole,
)

ZIP_ERRORS: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    UnicodeDecodeError,
    OverflowError,
    IndexError,
    KeyError,
)
"""What the standard library raises for a damaged zip."""
_NESTED_MAGICS: Final = (LOCAL_HEADER, b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf")
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
        self._infos = {info.filename: info for info in checked_members(path, archive)}
        self.safe_name = next(iter(self._infos)).partition("/")[0]

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[ProductZip]:
        """The zip at ``path``, after its structure was found whole and harmless.

        Raises:
            UnsafeZip: no zip, cut short, followed by other bytes, a bomb, or a member
                with an absolute, climbing, repeated or otherwise unsafe name.
        """
        require_whole(path)
        try:
            with zipfile.ZipFile(path) as archive:
                yield cls(path, archive)
        except ZIP_ERRORS as error:
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
        except ZIP_ERRORS as error:
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
        self,
        folder: Path,
        on_restored: Callable[[str], None] = lambda name: None,
        expected: Mapping[str, str] | None = None,
    ) -> Path:
        """Unpack below ``folder`` and return the .SAFE folder, ``EMPTY_FOLDERS`` added.

        Args:
            folder: takes the .SAFE folder.
            on_restored: told of each folder that was added.
            expected: SHA-256 of every file, by its path below the .SAFE folder.

        Raises:
            InvalidInput: there is already such a folder.
            CorruptProduct: a member is damaged, or not as expected; what was unpacked
                is removed.
        """
        if expected is not None and expected.keys() != self.sizes().keys():
            others = sorted(expected.keys() ^ self.sizes().keys())
            raise CorruptProduct(
                f"{self.path.name}: expected {len(expected)} files, found "
                f"{len(self.sizes())}; missing or too many: {', '.join(others[:3])}"
            )
        target = folder / self.safe_name
        if target.exists():
            raise InvalidInput(f"{target} is there already; remove it first")
        try:
            for name, info in self._infos.items():
                if info.is_dir():
                    (folder / name).mkdir(parents=True, exist_ok=True)
                else:
                    inner = self._inner(name)
                    digest = self._extract_file(inner, folder / name)
                    if expected is not None and digest != expected[inner]:
                        raise CorruptProduct(
                            f"{inner} in {self.path.name}: expected SHA-256 "
                            f"{expected[inner]}, found {digest}"
                        )
            for name in restore_empty_folders(target):
                on_restored(name)
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise
        return target

    def _extract_file(self, inner: str, path: Path) -> str:
        """Write one file; returns its SHA-256."""
        path.parent.mkdir(parents=True, exist_ok=True)
        sha256 = hashlib.sha256()
        with path.open("xb") as file:
            for chunk in self.chunks(inner):
                file.write(chunk)
                sha256.update(chunk)
        return sha256.hexdigest()

    def _inner(self, name: str) -> str:
        return name.removeprefix(f"{self.safe_name}/")


def extract_product(
    zip_path: Path,
    target_folder: Path,
    on_restored: Callable[[str], None] = lambda name: None,
    expected: Mapping[str, str] | None = None,
) -> Path:
    """Unpack the product zip below ``target_folder``; returns the ``.SAFE`` folder.

    Nothing is written before names and sizes of all members were found harmless;
    every CRC is checked. Folders that services drop where empty are put back, and
    ``on_restored`` is told of each. ``expected``: SHA-256 of every file, by its path
    below the .SAFE folder.

    Raises:
        UnsafeZip: the zip is refused as a whole.
        CorruptProduct: a member is damaged, or not as expected.
        InvalidInput: the product's folder is there already.
    """
    with ProductZip.open(zip_path) as archive:
        return archive.extract(target_folder, on_restored, expected)


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
    with open_plain(path) as file:
        header = file.read(30)
        if len(header) < 30 or not header.startswith(LOCAL_HEADER):
            return None
        name = file.read(struct.unpack_from("<H", header, 26)[0])
    top = name.decode("utf-8", "replace").partition("/")[0]
    return top.removesuffix(".SAFE") if top.endswith(".SAFE") else None
