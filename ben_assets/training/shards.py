"""Plain tars of samples, of about the same size, the same bytes every time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from ben_assets.bigearthnet.checksums import FileDigest
from ben_assets.bigearthnet.tars import TarWriter

SHARD_BYTES: Final = 1_000_000_000
"""A shard is closed before the sample that would make it larger."""


@dataclass(frozen=True)
class Shard:
    """A finished shard."""

    name: str
    """File name."""
    digest: FileDigest
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
