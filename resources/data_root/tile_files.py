"""One tile on disk beside its record: which file differs, and how.

A tile is what its record says: the files of its hash list, and those in ``contents``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.checksums import (
    hash_list_digest,
    parse_hash_list,
)
from ben_assets.bigearthnet.dataset_layout import path_of
from ben_assets.bigearthnet.errors import InvalidInput, InvalidProductName
from ben_assets.bigearthnet.plain_files import read_plain, size_problem
from resources.data_root.bulk_hashing import hash_files
from resources.data_root.files import files_below
from resources.data_root.records import StoredRecord
from resources.data_root.stored_tiles import StoredTiles


class Kind(StrEnum):
    """In what way something on disk differs."""

    MISSING = "missing"
    EXTRA = "extra"
    WRONG = "wrong"
    UNFINISHED = "unfinished"
    STALE = "stale"


@dataclass(frozen=True, order=True)
class Difference:
    """One thing on disk that is not what it should be."""

    asset: str
    """Asset key: the folder below the data root."""
    tile: str
    """Tile key, ``release``, or empty where it belongs to no tile."""
    file: str
    """Path below the asset's folder."""
    kind: Kind
    """In what way it differs."""
    detail: str
    """Expected and found."""
    rebuilt_by: str
    """Asset that makes it anew; empty where somebody has to take it away."""


GDAL_SIDECAR: Final = ".aux.xml"
"""Ends the names of files that GDAL and QGIS write beside a raster; no damage."""
LMDB_LOCK: Final = ".lmdb/lock.mdb"
"""Ends the path of what LMDB leaves where a reader asks for locks; no part of data."""
TREES: Final = ("patches", "reference_maps", "aligned_dataset")
"""Assets whose hash list names GeoTIFFs, each in the folder of its patch."""


def still_verifies(
    storage: StoredTiles, asset: str, tile: str, log: Callable[[str], None]
) -> StoredRecord | None:
    """The record of a tile, if every byte of it is still what the record says."""
    if not storage.record_path(asset, tile).exists():
        return None
    found = verify_tile(storage, asset, tile, deep=True)
    for difference in found[:3]:
        log(f"{asset}: {difference.file}: {difference.kind}: {difference.detail}")
    is_damaged = any(difference.rebuilt_by for difference in found)
    return None if is_damaged else storage.find(asset, tile)


def verify_tile(
    storage: StoredTiles, asset: str, tile: str, *, deep: bool
) -> list[Difference]:
    """How the files of a tile differ from its record; empty if they do not.

    Args:
        storage: the data root.
        asset: asset key.
        tile: tile key, or ``release``.
        deep: whether to read every byte, or only names and sizes.
    """
    name = storage.record_path(asset, tile).name
    try:
        record = storage.find(asset, tile)
        if record is None:
            return [Difference(asset, tile, name, Kind.MISSING, "no record", asset)]
        return sorted(_TileCheck(storage, asset, tile, record, deep).differences())
    except (InvalidInput, OSError) as error:
        return [Difference(asset, tile, name, Kind.WRONG, str(error), asset)]


@dataclass(frozen=True)
class _TileCheck:
    """The comparison of one tile."""

    storage: StoredTiles
    asset: str
    tile: str
    record: StoredRecord
    deep: bool

    def difference(self, file: str, kind: Kind, detail: str) -> Difference:
        """A difference that materializing the asset repairs."""
        return Difference(self.asset, self.tile, file, kind, detail, self.asset)

    @property
    def folder(self) -> Path:
        """The asset's folder."""
        return self.storage.folder(self.asset)

    @property
    def hash_list(self) -> Path:
        """The hash list; some assets have none."""
        return self.storage.hash_list_path(self.asset, self.tile)

    def differences(self) -> list[Difference]:
        """All but those of the record's own text."""
        asset, outputs = self.asset, self.record.outputs
        own = self.storage.own_entries(asset, self.tile)
        on_disk = set(files_below(self.folder, {*outputs, *own}))
        on_disk.discard(self.hash_list.name)
        on_disk -= {path for path in on_disk if path.endswith(LMDB_LOCK)}
        trees = {p for p in on_disk if p.endswith(".tif")} if asset in TREES else set()
        found = self._compare_contents(on_disk - trees)
        if self.hash_list.name in outputs:
            found += self._compare_listed(trees)
        return found

    def _compare_contents(self, on_disk: set[str]) -> list[Difference]:
        """Files that the record itself lists."""
        expected = self.record.contents
        found = self._missing(expected.keys() - on_disk)
        found += self._extra(on_disk - expected.keys())
        same_size = []
        for path in sorted(expected.keys() & on_disk):
            problem = size_problem(self.folder / path, expected[path].bytes)
            if problem:
                found.append(self.difference(path, Kind.WRONG, problem))
            else:
                same_size.append(path)
        if self.deep:
            digests = {path: expected[path].sha256 for path in same_size}
            found += self._wrong(digests, self._hashes(same_size))
        return found

    def _compare_listed(self, on_disk: set[str]) -> list[Difference]:
        """GeoTIFFs of the hash list, and the list itself."""
        listed, problem = self._read_hash_list()
        damaged = [self.difference(self.hash_list.name, *problem)] if problem else []
        if self.asset not in TREES:
            return damaged
        digests: dict[str, str | None] = {}
        if self.deep or problem or self._size(on_disk) != self.record.bytes:
            digests = self._hashes(sorted(on_disk))
        if problem and self._adds_up(digests):
            return damaged
        if listed is None:
            detail = "expected files that add up to the record's sha256; which of them "
            detail += "differ is unknown without the hash list"
            return [*damaged, self.difference("*.tif", Kind.WRONG, detail)]
        expected = {self._path_of(name): digest for name, digest in listed.items()}
        found = self._missing(expected.keys() - on_disk)
        found += self._extra(on_disk - expected.keys())
        return damaged + found + self._wrong(expected, digests)

    def _read_hash_list(self) -> tuple[dict[str, str] | None, tuple[Kind, str] | None]:
        try:
            text = read_plain(self.hash_list).decode()
            listed = parse_hash_list(text, self.hash_list.name)
        except FileNotFoundError:
            return None, (Kind.MISSING, "expected the hash list")
        except (ValueError, OSError) as error:
            return None, (Kind.WRONG, str(error))
        if hash_list_digest(listed) == self.record.sha256:
            return listed, None
        return listed, (Kind.WRONG, f"expected sha256 {self.record.sha256}")

    def _path_of(self, name: str) -> str:
        try:
            path = path_of(name)
        except InvalidProductName:  # of a damaged list
            return name
        is_whole = self.asset == "aligned_dataset"
        return path if is_whole else path.partition("/")[2]

    def _size(self, paths: Iterable[str]) -> int:
        folder = str(self.folder)  # of 100,000 files: pathlib would take its time
        return sum(os.lstat(f"{folder}/{path}").st_size for path in paths)

    def _adds_up(self, digests: dict[str, str | None]) -> bool:
        by_name = {Path(p).stem: digest or "" for p, digest in digests.items()}
        return hash_list_digest(by_name) == self.record.sha256

    def _hashes(self, paths: list[str]) -> dict[str, str | None]:
        files = [f"{self.folder}/{path}" for path in paths]
        return dict(zip(paths, hash_files(files), strict=True))

    def _missing(self, paths: Iterable[str]) -> list[Difference]:
        return [self.difference(p, Kind.MISSING, "expected it") for p in paths]

    def _extra(self, paths: Iterable[str]) -> list[Difference]:
        return [self._extra_file(path) for path in paths]

    def _extra_file(self, path: str) -> Difference:
        if path.endswith(GDAL_SIDECAR):
            detail = "statistics that GDAL keeps of a file it showed; delete it"
            return Difference(self.asset, self.tile, path, Kind.EXTRA, detail, "")
        return self.difference(path, Kind.EXTRA, "not in the record")

    def _wrong(
        self, expected: dict[str, str], found: dict[str, str | None]
    ) -> list[Difference]:
        return [
            self.difference(
                path, Kind.WRONG, f"expected sha256 {expected[path]}, found {digest}"
            )
            for path, digest in found.items()
            if path in expected and expected[path] != digest
        ]
