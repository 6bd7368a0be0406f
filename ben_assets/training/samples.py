"""Samples of a release in WebDataset form: one patch, all its parts, under one key.

The members of a sample are ``<patch id>.json``, ``.map.safetensors``,
``.map19.safetensors``, ``.s1.safetensors`` and ``.s2.safetensors``, in this order.
Every sample has all of them, and every JSON the same keys of the same types: readers
that infer a schema from the first samples refuse a tar otherwise.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from safetensors.numpy import load

from ben_assets.bigearthnet.dataset_layout import MAP_SUFFIX
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
