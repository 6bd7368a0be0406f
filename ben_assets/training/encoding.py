"""Patches as safetensors: the keys and values that rico-hdl gives them.

A tile's patches, Sentinel-1 patches and maps have one entry each: key is the file name
without its band, value the safetensors of ``{band: pixels}``. Sentinel-2 and maps are
uint16, Sentinel-1 is float32 (dB); shapes are those of the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from safetensors.numpy import save

from ben_assets.bigearthnet.checksums import proven_content
from ben_assets.bigearthnet.dataset_layout import MAP_SUFFIX, path_of
from ben_assets.bigearthnet.errors import UnexpectedRaster
from ben_assets.bigearthnet.geotiff_reading import GeotiffReader, Pixels

MAP_TENSOR: Final = "Data"
"""Name of the only tensor of a reference map (rico-hdl)."""


@dataclass(frozen=True)
class SourceFile:
    """A GeoTIFF that becomes one tensor."""

    tensor: str
    """Name of the tensor."""
    path: Path
    """The file."""
    sha256: str
    """What its content must have."""


@dataclass(frozen=True)
class Entry:
    """One key and the files that its value is made of."""

    key: str
    """Patch id, Sentinel-1 name, or patch id and ``_reference_map``."""
    files: tuple[SourceFile, ...]
    """The files of its tensors."""


def entries_of_tile(root: Path, digests: Mapping[str, str]) -> list[Entry]:
    """What is to be encoded of a tile, sorted bytewise by key.

    Args:
        root: the data set, with ``BigEarthNet-S2`` and the others below it.
        digests: file name without extension to SHA-256, of all files of the tile.
    """
    files: dict[str, list[SourceFile]] = {}
    for name, digest in digests.items():
        key, _, band = name.rpartition("_")
        if name.endswith(MAP_SUFFIX):
            key, band = name, MAP_TENSOR
        files.setdefault(key, []).append(SourceFile(band, root / path_of(name), digest))
    return [Entry(key, tuple(files[key])) for key in sorted(files, key=str.encode)]


def encode_entry(entry: Entry, reader: GeotiffReader) -> bytes:
    """The value of an entry, from files that are what their digests say.

    Raises:
        ChecksumMismatch: a file is missing or was changed.
        UnexpectedRaster: a file cannot be decoded.
    """
    return encode_tensors({f.tensor: _pixels(f, reader) for f in entry.files})


def encode_tensors(tensors: dict[str, Pixels]) -> bytes:
    """Safetensors of named arrays; an empty dict gives a valid file of no tensors."""
    return save(tensors)


def _pixels(file: SourceFile, reader: GeotiffReader) -> Pixels:
    content = proven_content(file.path, file.sha256)
    try:
        return reader.read(content).pixels
    except UnexpectedRaster as error:
        raise UnexpectedRaster(
            f"{file.path}: {error}; replace the file by the published one"
        ) from error
