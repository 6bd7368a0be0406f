"""Where the files lie that come with the code: tracked artifacts, recipes, docs.

In a checkout they lie beside the packages. An installed wheel brings them below
``share/ben-assets`` of its environment, unless the working directory has its own.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

_MARK: Final = "tracked-artifacts/tiles.csv"


def _has_files(directory: Path) -> bool:
    return (directory / _MARK).is_file()


def find_root(checkout: Path, working: Path) -> Path:
    """The directory that relative settings count from: the checkout, or where we are.

    Args:
        checkout: parent of the packages.
        working: working directory.
    """
    return checkout if _has_files(checkout) else working


ROOT: Final = find_root(Path(__file__).resolve().parents[2], Path.cwd())
"""What relative settings are relative to."""

SHIPPED: Final = ROOT if _has_files(ROOT) else Path(sys.prefix) / "share" / "ben-assets"
"""Parent of ``tracked-artifacts``, ``recipes`` and ``docs``."""
