"""Where the pinned inputs lie: the one place that knows.

Not here: what they must be (``pins``), fetching and reading them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from resources.inputs.pins import CORINE
from resources.settings import Settings


@dataclass(frozen=True)
class InputPlaces:
    """Where the pinned inputs lie."""

    folder: Path
    """``BEN_REFERENCE_DIR``."""
    clc_path: Path | None = None
    """The CORINE GeoPackage, where it has a place of its own."""

    @classmethod
    def from_settings(cls, settings: Settings) -> InputPlaces:
        """As the settings say."""
        return cls(settings.reference_dir, settings.clc_path)

    def expected(self, name: str) -> Path:
        """Where an input is to be put."""
        if name == CORINE and self.clc_path is not None:
            return self.clc_path
        return self.folder / name

    def find(self, name: str) -> Path | None:
        """The file of an input, plain or compressed; None where there is none."""
        if name == CORINE and self.clc_path is not None:
            return self.clc_path if self.clc_path.is_file() else None
        return find_reference(self.folder, name)


def find_reference(folder: Path, name: str) -> Path | None:
    """The file of a pinned input in ``BEN_REFERENCE_DIR``, plain or compressed."""
    plain = name.removesuffix(".bz2")
    for candidate in (plain, f"{plain}.bz2", f"ben-v1-metadata/{name}"):
        if (folder / candidate).is_file():
            return folder / candidate
    return None
