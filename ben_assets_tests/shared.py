"""The facts that tests may read but that are not part of the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(
    os.environ.get("BEN_SHARED") or Path(__file__).resolve().parents[2] / "shared"
)

needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(),
    reason="needs the folder shared beside the repository (or BEN_SHARED)",
)
