"""Samples, and plain tars of them: of about the same size, the same bytes each time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from safetensors.numpy import load

from ben_assets.bigearthnet.checksums import StreamDigests
from ben_assets.bigearthnet.dataset_layout import MAP_SUFFIX
from ben_assets.bigearthnet.tars import TarWriter
from ben_assets.training.encoding import MAP_TENSOR, encode_tensors

UNCLEAR: Final = "unclear"
"""The part of patches with seasonal snow, cloud or cloud shadow."""
PARTS: Final = ("train", "validation", "test", UNCLEAR)
"""What a release is divided into: the splits of clear patches, and the rest."""

Row = dict[str, Any]
"""A row of the index, as plain Python values."""


def parts_of(index: pa.Table) -> pa.ChunkedArray:
    """The part of each row of the index."""
    unclear = pc.or_(index["contains_seasonal_snow"], index["contains_cloud_or_shadow"])
    return pc.if_else(unclear, UNCLEAR, index["split"])


def mixed(patch_ids: list[str], salt: str = "") -> list[str]:
    """Patch ids in an order that mixes tiles and depends on nothing but the ids.

    >>> mixed(["a", "b", "c"]) == mixed(["c", "a", "b"])
    True
    """
    return sorted(patch_ids, key=lambda patch: mixing_key(patch, salt))


def mixing_key(patch_id: str, salt: str = "") -> tuple[bytes, str]:
    """What a patch is sorted by to mix it with others: a digest of salt and id."""
    return hashlib.sha256(f"{salt}{patch_id}".encode()).digest(), patch_id


def sample_members(
    row: Row, classes: npt.NDArray[np.uint8], value_of: Callable[[str], bytes]
) -> Iterator[tuple[str, bytes]]:
    """Name and content of the members of one sample.

    Args:
        row: of the index.
        classes: class of each code, from ``class_table``.
        value_of: gives the encoded tensors of a key of the database.
    """
    patch = row["patch_id"]
    codes = value_of(f"{patch}{MAP_SUFFIX}")
    s1 = value_of(row["s1_name"]) if row["s1_name"] else encode_tensors({})
    class_map = classes[load(codes)[MAP_TENSOR]]
    yield f"{patch}.json", json_of_row(row)
    yield f"{patch}.map.safetensors", codes
    yield f"{patch}.map19.safetensors", encode_tensors({MAP_TENSOR: class_map})
    yield f"{patch}.s1.safetensors", s1
    yield f"{patch}.s2.safetensors", value_of(patch)


def json_of_row(row: Row) -> bytes:
    """The index row as JSON.

    Missing names are empty texts, land cover is a list of code and count (a map would
    have other keys in each sample), time is ISO 8601 and geometry WKT.
    """
    content = {
        **row,
        "s1_name": row["s1_name"] or "",
        "s2v1_name": row["s2v1_name"] or "",
        "labels_19": row["labels_19"] or [],
        "datetime": row["datetime"].isoformat(),
        "pixels": [{"code": code, "count": count} for code, count in row["pixels"]],
        "geometry": shapely.to_wkt(
            shapely.from_wkb(row["geometry"]), rounding_precision=9
        ),
    }
    return json.dumps(content, ensure_ascii=False).encode()


SHARD_BYTES: Final = 1_000_000_000
"""A shard is closed before the sample that would make it larger."""


@dataclass(frozen=True)
class Shard:
    """A finished shard."""

    name: str
    """File name."""
    digest: StreamDigests
    """Size and digests."""
    samples: int
    """Number of samples in it."""


Sample = list[tuple[str, bytes]]
"""Name and content of the members of one sample."""


def write_shards(
    folder: Path, part: str, samples: Iterable[Sample], limit: int = SHARD_BYTES
) -> Iterator[Shard]:
    """Write samples into ``<part>-<nnnnn>.tar``, and give each shard when it is whole.

    Args:
        folder: where the shards go.
        part: first part of their names.
        samples: in the order in which they are to be read.
        limit: size in bytes that a shard of more than one sample does not exceed.
    """
    pending = iter(samples)
    sample = next(pending, None)
    number = 0
    while sample is not None:
        name = f"{part}-{number:05d}.tar"
        with (folder / name).open("wb") as file:
            shard, sample = _write_shard(file, name, sample, pending, limit)
        yield shard
        number += 1


def _write_shard(
    file: IO[bytes], name: str, sample: Sample, pending: Iterator[Sample], limit: int
) -> tuple[Shard, Sample | None]:
    """Write one shard; returns it and the sample that the next one begins with."""
    writer, count = TarWriter(file), 0
    following: Sample | None = sample
    while following is not None and (
        count == 0 or writer.n_bytes + _packed_size(following) <= limit
    ):
        for member, content in following:
            writer.add(member, content)
        count += 1
        following = next(pending, None)
    return Shard(name, writer.close(), count), following


def _packed_size(sample: Sample) -> int:
    """Bytes that a sample takes in a tar, at most: headers and whole blocks."""
    return sum(len(content) + 4 * 512 for _, content in sample)
