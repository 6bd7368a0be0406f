"""The finished tiles of a data root, as their records say: read, never changed."""

from __future__ import annotations

import bisect
import itertools
import json
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.checksums import (
    hash_list_digest,
    parse_hash_list,
    sha256_of_bytes,
)
from ben_assets.bigearthnet.errors import BenError, InvalidInput, MissingInput
from ben_assets.bigearthnet.plain_files import (
    NotAFile,
    read_plain,
    require_plain,
    size_problem,
)
from ben_assets.bigearthnet.product_names import is_tile_key
from resources.data_root.flow import RELEASE, RELEASE_ASSETS, SUBSETS, TILE_ASSETS
from resources.data_root.records import (
    StoredRecord,
    is_output,
    make_again,
    parse_record,
)

JOURNAL: Final = ".journal"
"""Ends the name of a list of outputs that are just being put in place."""
_SUFFIX: Final = ".json"


class StoredTiles:
    """Reads what one data root has, as it is at each call."""

    def __init__(self, root: Path) -> None:
        """Read below ``root`` (``BEN_DATA_DIR``), which need not be there."""
        self.root = root

    def assets(self) -> tuple[str, ...]:
        """Keys of all assets in flow order, then those of the subsets on disk."""
        names = sorted(
            path.name for path in self.folder(SUBSETS).glob("[!.]*") if path.is_dir()
        )
        return (*TILE_ASSETS, *RELEASE_ASSETS, *(f"{SUBSETS}/{name}" for name in names))

    def folder(self, asset: str) -> Path:
        """The folder of an asset."""
        return self.root / asset

    def table_path(self, asset: str, tile: str) -> Path:
        """The parquet table of a tile."""
        return self.folder(asset) / f"{tile}.parquet"

    def record_path(self, asset: str, tile: str) -> Path:
        """The record of a tile."""
        return self.folder(asset) / f"{tile}.json"

    def hash_list_path(self, asset: str, tile: str) -> Path:
        """The hash list of a tile of an asset that makes many files."""
        return self.folder(asset) / f"{tile}.hashes.csv"

    def names(self, asset: str) -> list[str]:
        """Names in an asset's folder, sorted; none where there is no folder."""
        try:
            return sorted(path.name for path in self.folder(asset).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def tiles(self, asset: str) -> list[str]:
        """Tile keys, or ``release``, that have a record, sorted.

        Other JSON files in the directory are files of a release, or none of ours.
        """
        names = self.names(asset)
        stems = (n.removesuffix(_SUFFIX) for n in names if n.endswith(_SUFFIX))
        return sorted(stem for stem in stems if stem == RELEASE or is_tile_key(stem))

    def own_entries(self, asset: str, tile: str) -> list[str]:
        """Names in the asset's folder that can only be of this tile, but its record.

        Those that begin with the tile key; of an asset without partitions, all.
        """
        prefix = "" if tile == RELEASE else tile
        names, record = self.names(asset), f"{tile}{_SUFFIX}"
        first = bisect.bisect_left(names, prefix)
        own = itertools.takewhile(lambda n: n.startswith(prefix), names[first:])
        return [n for n in own if n != record and not n.startswith(".")]

    def find(self, asset: str, tile: str) -> StoredRecord | None:
        """The record of a tile, or None where the tile is not complete.

        Raises:
            InvalidInput: the record is damaged: unreadable, with a field of another
                type or a path that leaves the folder, of another tile, or changed.
        """
        path = self.record_path(asset, tile)
        try:
            record = parse_record(read_plain(path).decode())
            if (record.asset, record.tile) != (asset, tile):
                raise ValueError(f"it is of {record.asset} {record.tile}")
        except FileNotFoundError:
            return None
        except (ValueError, OSError) as error:
            raise InvalidInput(
                f"record {path} is damaged ({error}); {make_again(asset, tile)}"
            ) from error
        return record

    def require(self, asset: str, tile: str) -> StoredRecord:
        """The record of a tile that another step needs.

        Raises:
            MissingInput: the tile has no record; says what to materialize.
            InvalidInput: what lies in place of one of its files would be waited for.
        """
        record = self.find(asset, tile)
        if record is None:
            raise MissingInput(
                f"{asset} of {tile} is not on disk: expected the record "
                f"{self.record_path(asset, tile)}; materialize {asset} for this tile"
            )
        try:
            for name in record.contents:
                require_plain(self.folder(asset) / name)
        except NotAFile as error:
            raise InvalidInput(f"{error}: materialize {asset} of {tile}") from error
        return record

    def file_of(self, record: StoredRecord, name: str) -> Path:
        """A file of a record, of the right size: what is cut is not to be opened.

        Raises:
            InvalidInput: it is gone, of another size, or the record has none.
        """
        path, expected = self.folder(record.asset) / name, record.contents.get(name)
        problem = (
            size_problem(path, expected.bytes) if expected else "not in its record"
        )
        if problem:
            raise InvalidInput(f"{path}: {problem}; {record.again}")
        return path

    def read_file(self, record: StoredRecord, name: str) -> bytes:
        """A file of a record that fits into memory, as it was made.

        Raises:
            InvalidInput: it is gone, cannot be read, or was changed.
        """
        path, expected = self.file_of(record, name), record.contents[name].sha256
        try:
            content = read_plain(path)
        except OSError as error:
            raise InvalidInput(
                f"{path}: cannot be read ({error}); {record.again}"
            ) from error
        found = sha256_of_bytes(content)
        if found != expected:
            raise InvalidInput(
                f"{path}: expected sha256 {expected}, found {found}; {record.again}"
            )
        return content

    def digests(self, record: StoredRecord) -> dict[str, str]:
        """Name to SHA-256 of the expected files of a tile.

        Raises:
            MissingInput: there is no hash list.
            InvalidInput: the list is damaged, or not the one of the record.
        """
        path = self.hash_list_path(record.asset, record.tile)
        try:
            listed = parse_hash_list(read_plain(path).decode(), str(path))
        except FileNotFoundError as error:
            raise MissingInput(
                f"hash list {path} is missing; {record.again}"
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(
                f"hash list {path} is damaged ({error}); {record.again}"
            ) from error
        found = hash_list_digest(listed)
        if found != record.sha256:
            raise InvalidInput(
                f"hash list {path}: expected the digest {record.sha256} by its record, "
                f"found {found}; {record.again}"
            )
        return listed

    def drafts(self, asset: str) -> Path:
        """Where the tiles of an asset are made, and journals of it lie."""
        return self.folder(asset) / ".drafts"

    def unfinished(self, asset: str) -> dict[str, list[str]]:
        """Tiles without a record that a run is putting in place, or was killed at.

        Returns:
            Tile key to the outputs, old and new, that may be in place or not.
        """
        found: dict[str, list[str]] = {}
        for journal in self.drafts(asset).glob(f"*{JOURNAL}"):
            tile = tile_of_draft(journal.name)
            if tile and not self.record_path(asset, tile).exists():
                found.setdefault(tile, []).extend(journal_outputs(journal))
        return found


class Snapshot(StoredTiles):
    """What one data root had when it was first asked: each record is opened once.

    For commands that hold all records beside each other: those of a data set list
    half a million folders. Not for writers, which must see what others wrote.
    """

    def __init__(self, root: Path) -> None:
        """Read below ``root`` (``BEN_DATA_DIR``) when asked."""
        super().__init__(root)
        self._names: dict[str, list[str]] = {}
        self._records: dict[tuple[str, str], StoredRecord | BenError | None] = {}

    def names(self, asset: str) -> list[str]:
        """Names in an asset's folder, sorted, as they were at the first call."""
        if asset not in self._names:
            self._names[asset] = super().names(asset)
        return self._names[asset]

    def find(self, asset: str, tile: str) -> StoredRecord | None:
        """The record of a tile as it was at the first call, or None.

        Raises:
            InvalidInput: the record is damaged, at each call.
        """
        if (asset, tile) not in self._records:
            self._records[asset, tile] = self._read(asset, tile)
        found = self._records[asset, tile]
        if isinstance(found, BenError):
            raise found
        return found

    def _read(self, asset: str, tile: str) -> StoredRecord | BenError | None:
        try:
            return super().find(asset, tile)
        except BenError as error:
            return error


def tile_of_draft(name: str) -> str | None:
    """The tile that a draft or journal of this name is of; None where it is of none."""
    tile = name.rpartition("-")[0]
    return tile if tile == RELEASE or is_tile_key(tile) else None


def journal_outputs(journal: Path) -> list[str]:
    """The outputs that a journal names; of a damaged one, those that may be believed.

    It is written whole, so damage comes from elsewhere: nothing is deleted by it.
    """
    try:
        names = json.loads(read_plain(journal))
    except (OSError, ValueError, RecursionError):
        return []
    if not isinstance(names, list):
        return []
    return [name for name in names if isinstance(name, str) and is_output(name)]
