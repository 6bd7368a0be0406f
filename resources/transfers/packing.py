"""A stored zip whose layout is known before its content: files arrive at their place.

The same files give the same zip: sorted names, a fixed time, no compression. Content
may be written in any order, by several connections at once; the headers come last.
Source of the format: PKWARE's APPNOTE 6.3, written by the standard library.
"""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from ben_assets.safe.zips import EMPTY_FOLDERS

TIME: Final = (1980, 1, 1, 0, 0, 0)
"""The earliest that a zip can state: the time of packing says nothing."""
_FILE_MODE: Final = (stat.S_IFREG | 0o644) << 16
_FOLDER_MODE: Final = (stat.S_IFDIR | 0o755) << 16 | 0x10


class StoredZip:
    """The zip of one product's files, laid out by their sizes."""

    def __init__(
        self, path: Path, top: str, sizes: Mapping[str, int], folders: Iterable[str]
    ) -> None:
        """Lay the zip out; nothing is written.

        Args:
            path: of the zip.
            top: the ``.SAFE`` folder that all lies in.
            sizes: bytes of each file, by its path below that folder.
            folders: empty folders below it.
        """
        self._path = path
        self._infos = {
            info.filename.removeprefix(f"{top}/"): info
            for info in _sorted_infos(top, sizes, folders)
        }
        self._starts: dict[str, int] = {}
        self._end = 0
        for name, info in self._infos.items():
            info.header_offset = self._end
            self._starts[name] = self._end + len(info.FileHeader())
            self._end = self._starts[name] + info.file_size

    def start(self, name: str) -> int:
        """Byte of the zip where the content of a file starts."""
        return self._starts[name]

    def allocate(self) -> None:
        """Make the file, as long as all content."""
        with self._path.open("wb") as file:
            file.truncate(self._end)

    def finish(self, crcs: Mapping[str, int]) -> None:
        """Write the headers and the directory.

        Args:
            crcs: CRC-32 of each file's content.
        """
        with self._path.open("r+b") as file:
            for name, info in self._infos.items():
                info.CRC = crcs.get(name, 0)
                file.seek(info.header_offset)
                file.write(info.FileHeader())
            file.seek(self._end)
            with zipfile.ZipFile(file, "w") as archive:  # its directory alone
                archive.filelist.extend(self._infos.values())


def missing_folders(names: Iterable[str]) -> list[str]:
    """The folders of ``EMPTY_FOLDERS`` that a tree of files cannot have, sorted.

    >>> missing_folders(["HTML/a", "GRANULE/L1C_1/QI_DATA/b", "DATASTRIP/D/c"])
    ['AUX_DATA', 'DATASTRIP/D/QI_DATA', 'GRANULE/L1C_1/AUX_DATA']
    """
    there = {parent for name in names for parent in _parents(name)}
    wanted = {
        f"{parent}/{pattern.rpartition('/')[2]}".removeprefix("/")
        for pattern in EMPTY_FOLDERS
        for parent in there | {""}
        if _is_at(parent, pattern.rpartition("/")[0])
    }
    return sorted(wanted - there)


def _is_at(folder: str, pattern: str) -> bool:
    return folder.count("/") == pattern.count("/") and fnmatchcase(folder, pattern)


def _parents(name: str) -> list[str]:
    parts = name.split("/")[:-1]
    return ["/".join(parts[: n + 1]) for n in range(len(parts))]


def _sorted_infos(
    top: str, sizes: Mapping[str, int], folders: Iterable[str]
) -> list[zipfile.ZipInfo]:
    """One entry for each file and empty folder, sorted by name."""
    infos = []
    for name in sorted([*sizes, *(f"{folder}/" for folder in folders)]):
        info = zipfile.ZipInfo(f"{top}/{name}", TIME)
        info.external_attr = _FOLDER_MODE if name.endswith("/") else _FILE_MODE
        info.file_size = info.compress_size = sizes.get(name, 0)
        info.CRC = 0
        infos.append(info)
    return infos
