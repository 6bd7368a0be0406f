"""Records: what is known of one tile of one asset, as written beside its files."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Self, TypeVar

import pydantic

from ben_assets.bigearthnet.checksums import (
    file_digest,
    hash_list_digest,
    sha256_of_bytes,
)
from ben_assets.bigearthnet.product_names import is_tile_key
from ben_assets.bigearthnet.relative_names import MAX_PART_BYTES, stays_inside
from resources.data_root.facts import (
    Count,
    Facts,
    Inside,
    Sha256,
    TabledFacts,
    parse_facts,
)
from resources.data_root.flow import RELEASE

_F = TypeVar("_F", bound=Facts)


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


@dataclass(frozen=True, kw_only=True)
class _Made:
    """What both kinds of record say of one tile of one asset."""

    asset: str
    """Asset key."""
    tile: str
    """Tile key, or ``release`` for an asset without partitions."""
    bytes: int
    """Size of the expected files together."""
    outputs: tuple[str, ...]
    """Files and folders below the asset's folder that belong to this tile."""
    made_from: dict[str, str] = field(default_factory=dict)
    """Digest of each input, by asset key or file name."""
    made_with: dict[str, str] = field(default_factory=dict)
    """Versions that decide bytes."""
    facts: Facts = field(default_factory=Facts)
    """What else the asset says about the tile."""
    contents: dict[str, FileDigest] = field(default_factory=dict)
    """Path below the asset's folder to proof, of files that are not in the hash list.

    Before it is stored, of those alone whose proof is known; others are read then.
    """


@dataclass(frozen=True, kw_only=True)
class Record(_Made):
    """The proof that one tile of one asset is complete on disk."""

    digests: dict[str, str]
    """Name of each expected file, without extension, to its SHA-256."""

    @property
    def files(self) -> int:
        """Number of expected files."""
        return len(self.digests)

    @property
    def sha256(self) -> str:
        """Digest of the tile's hash list."""
        return hash_list_digest(self.digests)


@dataclass(frozen=True, kw_only=True)
class StoredRecord(_Made):
    """A record as read back from disk; the digests stay in the hash list."""

    files: int
    """Number of expected files."""
    sha256: str
    """Digest of the tile's hash list."""

    @property
    def version(self) -> str:
        """Digest of all that is expected of the tile: its files and its table."""
        table = self.facts.table.sha256 if isinstance(self.facts, TabledFacts) else ""
        return sha256_of_bytes(f"{self.sha256}{table}".encode())

    @property
    def again(self) -> str:
        """What to do about a tile that is not as it was made."""
        return make_again(self.asset, self.tile)

    def facts_as(self, kind: type[_F]) -> _F:
        """The facts, by the model of the record's asset.

        Raises:
            TypeError: the record is of an asset with other facts.
        """
        if not isinstance(self.facts, kind):
            raise TypeError(f"{self.asset} has {type(self.facts)}, not {kind}")
        return self.facts


def make_again(asset: str, tile: str) -> str:
    """What to do about a tile that is damaged, for the end of a message."""
    return f"materialize {asset} of {tile} again"


def _require_outputs(names: list[str]) -> list[str]:
    """Records and hidden files of the store are nobody's output.

    One look at all names together spares most records one at each of 5,000: without
    any of ``_SUSPECT`` in it, no name is empty, hidden, a record, or leads elsewhere.
    """
    together = "/".join(("", *names, ""))
    is_short = together.isascii() and max(map(len, names), default=0) <= MAX_PART_BYTES
    if not is_short or any(text in together for text in _SUSPECT):
        for name in names:
            if not is_output(name):
                raise ValueError(f"{name!r} is not a name for an output")
    return names


_SUSPECT: Final = ("\0", "//", "/.", ".json/")


def is_output(name: str) -> bool:
    """Whether a tile may have a file or folder of this name below its asset's folder.

    Not what leads out of it, nor what the store itself keeps there: records, drafts.
    """
    top = name.partition("/")[0]
    stem = name.removesuffix(".json")
    is_record = name.endswith(".json") and (stem == RELEASE or is_tile_key(stem))
    return stays_inside(name) and not top.startswith(".") and not is_record


_Outputs = Annotated[list[str], pydantic.AfterValidator(_require_outputs)]


class _StoredDigest(pydantic.BaseModel, strict=True, extra="forbid"):
    bytes: Count
    sha256: Sha256


class _RecordText(pydantic.BaseModel, strict=True, extra="allow"):
    """The fixed fields of a record's JSON; the others are facts."""

    asset: str
    tile: str
    files: Count
    bytes: Count
    sha256: Sha256
    outputs: _Outputs
    made_from: dict[str, str]
    made_with: dict[str, str]
    contents: dict[Inside, _StoredDigest]


_SEAL: Final = "seal"
_HALF_CHARACTER: Final = re.compile(r"\\u[dD][89a-fA-F]")
"""JSON for what no UTF-8 has; records are written without such escapes."""


def format_record(
    record: Record | StoredRecord, contents: dict[str, FileDigest]
) -> str:
    """The text of a record, which ends in a digest of all else in it."""
    stored = {
        "asset": record.asset,
        "tile": record.tile,
        "files": record.files,
        "bytes": record.bytes,
        "sha256": record.sha256,
        "made_from": record.made_from,
        "made_with": record.made_with,
        **record.facts.as_stored(),
        "outputs": sorted(record.outputs),
        "contents": {path: asdict(contents[path]) for path in sorted(contents)},
    }
    stored[_SEAL] = seal_of(json.loads(json.dumps(stored)))
    return json.dumps(stored, indent=1, ensure_ascii=False) + "\n"


def parse_record(text: str) -> StoredRecord:
    """The record of a text that is just as it was written.

    Raises:
        ValueError: not the text of a record, a field of another type, a path that
            leaves the asset's folder, or changed after it was written.
    """
    if _HALF_CHARACTER.search(text):
        raise ValueError("has half of a character")
    try:
        stored = json.loads(text)
        if not isinstance(stored, dict):
            raise ValueError("expected a JSON object")
        if stored.pop(_SEAL, None) != seal_of(stored):
            raise ValueError(
                "its text does not match its own digest: changed after it was written"
            )
        fields = _RecordText.model_validate(stored)
        facts = parse_facts(fields.asset, fields.model_extra or {})
    except pydantic.ValidationError as error:
        raise ValueError(_first_problem(error)) from error
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    proofs = {
        p: FileDigest(one.bytes, one.sha256) for p, one in fields.contents.items()
    }
    others = {"outputs": tuple(fields.outputs), "facts": facts, "contents": proofs}
    return StoredRecord(**vars(fields) | others)


def _first_problem(error: pydantic.ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part)[:60] for part in first["loc"])
    return f"{where}: {first['msg']}"


def seal_of(stored: dict[str, Any]) -> str:
    """Digest of all fields of a record but the seal itself."""
    text = json.dumps(stored, sort_keys=True, separators=(",", ":"))
    return sha256_of_bytes(text.encode())
