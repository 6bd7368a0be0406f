"""Records: what is known of one tile of one asset, as written beside its files."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from ben_assets.bigearthnet.checksums import (
    file_digest,
    hash_list_digest,
    sha256_of_bytes,
)

RELEASE: Final = "release"
"""Stands in for the tile key in the record of an asset without partitions."""


@dataclass(frozen=True)
class FileDigest:
    """What a file on disk must be."""

    bytes: int
    """Its size."""
    sha256: str
    """SHA-256 of its bytes, hex."""

    @classmethod
    def of(cls, path: Path) -> Self:
        """Size and digest of a file as it is."""
        return cls(path.stat().st_size, file_digest(path))


@dataclass(frozen=True)
class Record:
    """The proof that one tile of one asset is complete on disk."""

    asset: str
    """Asset key."""
    tile: str
    """Tile key, or ``release`` for an asset without partitions."""
    digests: dict[str, str]
    """Name of each expected file, without extension, to its SHA-256."""
    bytes: int
    """Size of the expected files together."""
    outputs: tuple[str, ...]
    """Files and folders below the asset's folder that belong to this tile."""
    made_from: dict[str, str] = field(default_factory=dict)
    """Digest of each input, by asset key or file name."""
    made_with: dict[str, str] = field(default_factory=dict)
    """Versions that decide bytes."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What else the asset says about the tile."""
    contents: dict[str, FileDigest] = field(default_factory=dict)
    """Proofs of files that are no GeoTIFFs, where they are known; others are read."""

    @property
    def files(self) -> int:
        """Number of expected files."""
        return len(self.digests)

    @property
    def sha256(self) -> str:
        """Digest of the tile's hash list."""
        return hash_list_digest(self.digests)


@dataclass(frozen=True)
class StoredRecord:
    """A record as read back from disk; the digests stay in the hash list."""

    asset: str
    """Asset key."""
    tile: str
    """Tile key, or ``release``."""
    files: int
    """Number of expected files."""
    bytes: int
    """Size of the expected files together."""
    sha256: str
    """Digest of the tile's hash list."""
    outputs: tuple[str, ...]
    """Files and folders below the asset's folder that belong to this tile."""
    made_from: dict[str, str]
    """Digest of each input, by asset key or file name."""
    made_with: dict[str, str]
    """Versions that decide bytes."""
    facts: dict[str, Any]
    """What else the asset says about the tile."""
    contents: dict[str, FileDigest] = field(default_factory=dict)
    """Path below the asset's folder to proof, of all files not in the hash list."""

    @property
    def version(self) -> str:
        """Digest of all that is expected of the tile: its files and its table."""
        table = self.facts.get("table", {}).get("sha256", "")
        return sha256_of_bytes(f"{self.sha256}{table}".encode())


_RECORD_FIELDS: Final = frozenset(
    ("asset", "tile", "files", "bytes", "sha256", "outputs", "made_from", "made_with")
)
_SEAL: Final = "seal"


def format_record(record: Record, contents: dict[str, FileDigest]) -> str:
    """The text of a record, which ends in a digest of all else in it."""
    stored = {
        "asset": record.asset,
        "tile": record.tile,
        "files": record.files,
        "bytes": record.bytes,
        "sha256": record.sha256,
        "made_from": record.made_from,
        "made_with": record.made_with,
        **record.facts,
        "outputs": sorted(record.outputs),
        "contents": {path: vars(contents[path]) for path in sorted(contents)},
    }
    stored[_SEAL] = _seal(json.loads(json.dumps(stored)))
    return json.dumps(stored, indent=1, ensure_ascii=False) + "\n"


def parse_record(text: str) -> StoredRecord:
    """The record of a text.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: not the text of a record.
    """
    content = json.loads(text)
    known = {name: content.pop(name) for name in _RECORD_FIELDS}
    content.pop(_SEAL, None)
    contents = content.pop("contents", {})
    return StoredRecord(
        **{**known, "outputs": tuple(known["outputs"])},
        facts=content,
        contents={path: FileDigest(**check) for path, check in contents.items()},
    )


def is_sealed(text: str) -> bool:
    """Whether the text of a record is just as it was written."""
    stored = json.loads(text)
    return bool(stored.pop(_SEAL, None) == _seal(stored))


def _seal(stored: dict[str, Any]) -> str:
    text = json.dumps(stored, sort_keys=True, separators=(",", ":"))
    return sha256_of_bytes(text.encode())
