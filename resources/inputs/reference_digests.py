"""Digests of the inputs of records as they are on disk now."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from ben_assets.bigearthnet.errors import BenError, InvalidInput, MissingInput
from ben_assets.bigearthnet.land_cover_raster import find_rasters, source_files
from ben_assets.bigearthnet.recipe import LandCover, load_recipe
from resources.data_root.digest_cache import DigestCache
from resources.data_root.facts import RecipeFacts
from resources.data_root.records import StoredRecord
from resources.inputs.pins import CORINE, InputPlaces
from resources.settings import Settings


class ReferenceDigests:
    """SHA-256 of inputs by the file names that records give them."""

    def __init__(self, settings: Settings) -> None:
        """Look where the steps look; each file is read once, whatever is on file."""
        self._places = InputPlaces.from_settings(settings)
        self._settings = settings
        self._recipe = settings.recipe
        self._cache = DigestCache(settings.data_dir, reads_anew=True)

    def of_record(self, record: StoredRecord, name: str) -> str | None:
        """Digest of an input of a record, None where no file of this name is at hand.

        Raises:
            MissingInput: the recipe that ``BEN_RECIPE`` names is not there.
            InvalidInput: it breaks a rule.
        """
        facts = record.facts
        if isinstance(facts, RecipeFacts) and facts.alignment != "v1":
            path = self._files_of_recipe.get(name)
            if path is not None:
                return self._cache.digest(path)
        return self.find(name)

    def find(self, name: str) -> str | None:
        """Digest of a pinned input, None where no file of this name is at hand."""
        if name in self._loaded:
            return self._loaded[name]
        path = self._path_of(name)
        return self._cache.digest(path) if path.is_file() else None

    @cached_property
    def _loaded(self) -> dict[str, str]:
        """What the CORINE polygons in PostGIS come from, where they are taken there."""
        if not self._settings.takes_clc_from_postgis:
            return {}
        from resources.postgis.inputs import ClcInPostgis  # brings the driver

        try:
            return ClcInPostgis(self._settings).digest()
        except BenError:  # out of reach, like a file that is not on this disk
            return {}

    def _path_of(self, name: str) -> Path:
        clc_path = self._places.expected(CORINE)
        if name == clc_path.name:
            return clc_path
        # the file that a step would read now, whatever form the record's had
        return self._places.find(name) or self._places.expected(name)

    @cached_property
    def _files_of_recipe(self) -> dict[str, Path]:
        """File name to place of what the user's own recipe reads."""
        if self._recipe is None:
            return {}
        recipe = load_recipe(self._recipe)
        files = [*_land_cover_files(recipe.land_cover)]
        if recipe.countries.path is not None:
            files.append(recipe.countries.path)
        return {path.name: path for path in files if path.is_file()}


def _land_cover_files(cover: LandCover) -> Iterator[Path]:
    if cover.path is None:
        return
    if not cover.is_raster:
        yield cover.path
        return
    try:
        rasters = find_rasters(cover.path)
    except MissingInput:
        return
    for raster in rasters:
        yield raster
        try:
            yield from source_files(raster)
        except InvalidInput:  # no readable raster any more: its digest says so
            continue
