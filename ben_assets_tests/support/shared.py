"""Inputs that tests may read but that are too large to be part of the repository.

What is expected of them, their digests, is in ``ben_assets_tests/support/data``.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(
    os.environ.get("BEN_SHARED") or Path(__file__).resolve().parents[3] / "shared"
)

_ORIGINS = {
    "worlds/a": "World A, made to run the original pipeline on: ask the maintainers",
    "samples/safe": "an L1C product with one band, from the Copernicus Data Space",
    "reference": "the tracked artifacts of github.com/kai-tub/bigearthnet-pipeline at "
    "78551a6, and the other homes in tracked-artifacts/published.toml",
}
"""Folder below ``SHARED`` to where its files come from."""


def needs(*names: str) -> pytest.MarkDecorator:
    """Skip where one of these files below ``SHARED`` is missing; says whence it is."""
    missing = [name for name in names if not (SHARED / name).exists()]
    origins = {o for n in missing for f, o in _ORIGINS.items() if n.startswith(f)}
    return pytest.mark.skipif(
        bool(missing),
        reason=f"missing below {SHARED} (BEN_SHARED): {', '.join(missing)}; from "
        f"{'; '.join(sorted(origins))}",
    )


needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(),
    reason="needs the folder shared beside the repository (or BEN_SHARED)",
)
