"""Digests of the pinned inputs as they are on disk now."""

from __future__ import annotations

from pathlib import Path

from resources.data_root.store import DigestCache, Storage
from resources.inputs.pins import CORINE, find_reference
from resources.settings import Settings


class ReferenceDigests:
    """SHA-256 of inputs by the file names that records give them."""

    def __init__(self, settings: Settings) -> None:
        """Look where the steps look; a large file is read once and remembered."""
        self._folder = settings.reference_dir
        self._clc_path = settings.path("BEN_CLC_PATH") or self._folder / CORINE
        self._cache = DigestCache(Storage(settings.data_dir))

    def find(self, name: str) -> str | None:
        """Digest of the input, None where no file of this name is at hand."""
        path = self._path_of(name)
        return self._cache.digest(path) if path.is_file() else None

    def _path_of(self, name: str) -> Path:
        if name == self._clc_path.name:
            return self._clc_path
        # the file that a step would read now, whatever form the record's had
        return find_reference(self._folder, name) or self._folder / name
