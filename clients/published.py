"""Samples of the published shards, for checks in other environments."""

import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load


@dataclass
class Sample:
    """One patch as the shards have it."""

    row: dict[str, Any]
    """Its row of the index."""
    s1: dict[str, np.ndarray]
    """Tensors of Sentinel-1."""
    s2: dict[str, np.ndarray]
    """Tensors of Sentinel-2."""


def clear_samples(release: str, part: str) -> dict[str, Sample]:
    """Patch id to sample, of a part; those that align with v1."""
    found: dict[str, dict[str, bytes]] = {}
    for path in sorted(Path(release, "published", "shards").glob(f"{part}-*.tar")):
        with tarfile.open(path) as tar:
            for info in tar:
                patch, _, member = info.name.partition(".")
                file = tar.extractfile(info)
                found.setdefault(patch, {})[member] = file.read() if file else b""
    samples = {
        patch: Sample(
            json.loads(parts["json"]),
            load(parts["s1.safetensors"]),
            load(parts["s2.safetensors"]),
        )
        for patch, parts in found.items()
    }
    return {patch: one for patch, one in samples.items() if one.row["s1_name"]}
