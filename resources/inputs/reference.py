"""The pinned inputs on disk: found, read and checked.

Belongs here: which file a step reads and what it must hold. Not here: fetching.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyogrio.errors

from ben_assets.bigearthnet.alignment import check_footprints
from ben_assets.bigearthnet.countries import (
    select_all,
    select_countries,
    select_nearby,
)
from ben_assets.bigearthnet.errors import (
    InvalidInput,
    InvalidProductName,
    MissingInput,
)
from ben_assets.bigearthnet.land_cover_raster import (
    rasters_of_tile,
    read_codes,
    source_files,
)
from ben_assets.bigearthnet.land_cover_vector import layer_of, read_polygons
from ben_assets.bigearthnet.legend import CLC2018, Legend
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.plain_files import require_plain
from ben_assets.bigearthnet.product_names import s1_acquisition
from ben_assets.bigearthnet.recipe import Countries, LandCover, require_named
from ben_assets.bigearthnet.reference_map import (
    LAYER,
    ClcPolygons,
    prepare_polygons,
    read_geopackage,
    require_geopackage,
)
from ben_assets.bigearthnet.spatial_index import require_complete_index
from resources.data_root.digest_cache import DigestCache
from resources.inputs.pins import (
    CLOUD,
    CORINE,
    COUNTRIES,
    S1_MAPPING,
    SNOW,
    V1_ZONES,
    InputPlaces,
    footprints_name,
    load_pins,
)
from resources.settings import Settings

if TYPE_CHECKING:
    from resources.postgis.inputs import ClcInPostgis

_T = TypeVar("_T")


@dataclass(frozen=True)
class ReferenceInputs:
    """Reads the inputs of ``BEN_REFERENCE_DIR`` and ``BEN_CLC_PATH``."""

    places: InputPlaces
    """Where they lie."""
    digests: DigestCache
    """Keeps the digests of the files read."""
    clc_in_postgis: ClcInPostgis | None = None
    """Where the CORINE polygons are, if not in the GeoPackage."""
    as_read: dict[Path, str] = field(default_factory=dict, repr=False)
    """SHA-256 of each file that was read, as it was then."""

    @classmethod
    def from_settings(cls, settings: Settings) -> ReferenceInputs:
        """As the environment says."""
        places = InputPlaces.from_settings(settings)
        digests = DigestCache(settings.data_dir)
        if settings.takes_clc_from_postgis:
            # here: a step that needs no database shall not wait for its driver
            from resources.postgis.inputs import ClcInPostgis

            return cls(places, digests, ClcInPostgis(settings))
        return cls(places, digests)

    @property
    def clc_path(self) -> Path:
        """The CORINE GeoPackage."""
        return self.places.expected(CORINE)

    def find(self, name: str) -> Path:
        """The file of a pinned input, plain or compressed.

        Raises:
            MissingInput: says where to get it and where to put it.
        """
        path = self.places.find(name)
        if path is not None:
            return path
        raise MissingInput(
            f"reference input {name} is missing: expected "
            f"{self.places.expected(name)}; get it from {load_pins()[name].home} and "
            "put it there (or run: ben reference fetch), or set BEN_REFERENCE_DIR"
        )

    def digest(self, name: str) -> dict[str, str]:
        """File name to SHA-256 of an input, for the ``made_from`` of a record."""
        return self._digest_as_read(self.find(name))

    def v1_footprints(self, epsg: int) -> gpd.GeoDataFrame | None:
        """The v1 footprints of a UTM zone, or None for a zone that has none.

        Raises:
            MissingInput: the file of one of the seven zones is not there.
            InvalidInput: not a GeoParquet table as it must be.
        """
        if epsg not in V1_ZONES:
            return None
        path = self.find(footprints_name(epsg))
        try:
            table = self._read(path, gpd.read_parquet)
        except (ValueError, OSError) as error:
            raise InvalidInput(f"{path}: not a readable GeoParquet: {error}") from error
        check_footprints(table, epsg, str(path))
        return table

    def countries(self) -> gpd.GeoDataFrame:
        """The ten countries in order of precedence.

        Raises:
            MissingInput: the file is not there.
            InvalidInput: not a GeoJSON with the ten countries.
        """
        path = self.find(COUNTRIES)
        return select_countries(self._read(path, read_vector), str(path))

    def countries_nearby(
        self, countries: Countries, grid: TileGeocoding
    ) -> gpd.GeoDataFrame:
        """All countries around a tile, by a recipe.

        Raises:
            MissingInput: the file is not there.
            InvalidInput: it is not readable, or lacks the column.
        """
        path = self._countries_path(countries)
        table = self._read(path, read_vector)
        return select_nearby(table, countries.column, grid, str(path))

    def all_countries(self, countries: Countries) -> gpd.GeoDataFrame:
        """All countries of a recipe: index of names, geometry in EPSG:4326.

        Raises:
            MissingInput: the file is not there.
            InvalidInput: it is not readable, or lacks the column.
        """
        path = self._countries_path(countries)
        return select_all(self._read(path, read_vector), countries.column, str(path))

    def countries_digest(self, countries: Countries) -> dict[str, str]:
        """File name to SHA-256 of the countries of a recipe."""
        return self._digest_as_read(self._countries_path(countries))

    def _countries_path(self, countries: Countries) -> Path:
        if countries.path is None:
            return self.find(COUNTRIES)
        return require_named(countries.path, "countries.path")

    def land_cover_polygons(
        self, cover: LandCover, grid: TileGeocoding
    ) -> tuple[ClcPolygons, dict[str, str]]:
        """The polygons of a recipe's land cover near a tile, in order of precedence.

        Returns:
            The polygons; and file name to SHA-256 of what they come from.

        Raises:
            MissingInput: the file is not there.
            InvalidInput: it breaks a rule, or changed meanwhile.
        """
        if cover.path is None:
            return self.clc_polygons(grid, cover.legend)
        path = require_named(cover.path, "land_cover.path")
        sha256 = self.digests.digest(path)
        self._require_complete_index(path, layer_of(path, cover.layer))
        table, crs = read_polygons(path, cover, grid)
        polygons = prepare_polygons(table, grid, str(path), cover.legend, crs)
        return polygons, self._unchanged(path, sha256)

    def _require_complete_index(self, path: Path, layer: str) -> None:
        """Look once into a GeoPackage, as long as it stays as it is."""
        if path.suffix == ".gpkg":
            self.digests.verified(
                path, "index", lambda: require_complete_index(path, layer)
            )

    def _read(self, path: Path, read: Callable[[Path], _T]) -> _T:
        """What ``read`` makes of a file, whose digest is remembered.

        Raises:
            InvalidInput: it changed meanwhile.
        """
        sha256 = self.digests.digest(path)
        found = read(path)
        self._unchanged(path, sha256)
        self.as_read[path] = sha256
        return found

    def _digest_as_read(self, path: Path) -> dict[str, str]:
        """File name to SHA-256 of a file as it was read, else as it is."""
        return {path.name: self.as_read.get(path) or self.digests.digest(path)}

    def _unchanged(self, path: Path, digest: str) -> dict[str, str]:
        """File name to digest of a file that was read, if it is still the same."""
        if self.digests.digest(path) != digest:
            raise InvalidInput(f"{path} changed while it was read; run again")
        return {path.name: digest}

    def land_cover_codes(
        self, cover: LandCover, grid: TileGeocoding, threads: int
    ) -> tuple[npt.NDArray[np.uint16], dict[str, str]]:
        """The codes of a recipe's raster on a tile's 10 m grid.

        Returns:
            The codes; and file name to SHA-256 of the rasters that they were read from.

        Raises:
            MissingInput: there is no raster.
            InvalidInput: it breaks a rule, or changed meanwhile.
        """
        assert cover.path is not None
        rasters = rasters_of_tile(cover.path, grid)
        files = [file for raster in rasters for file in source_files(raster)]
        digests = {file: self.digests.digest(file) for file in files}
        codes = read_codes(rasters, grid, cover.legend, threads)
        for file, sha256 in digests.items():
            self._unchanged(file, sha256)
        return codes, {file.name: sha256 for file, sha256 in digests.items()}

    def clc_polygons(
        self, grid: TileGeocoding, legend: Legend = CLC2018
    ) -> tuple[ClcPolygons, dict[str, str]]:
        """The CORINE polygons of a tile, and what they were read from.

        Returns:
            The polygons in the tile's zone, in order of precedence; and file name to
            SHA-256 of the very GeoPackage that they come from.

        Raises:
            InvalidInput: the spatial index misses rows, a polygon breaks a rule, or the
                file changed meanwhile.
        """
        if self.clc_in_postgis is not None:
            table, digest = self.clc_in_postgis.read(grid)
            return (
                prepare_polygons(table, grid, "CORINE in PostGIS", legend),
                digest,
            )
        path = self.clc_path
        require_geopackage(path)
        sha256 = self.digests.digest(path)
        self._require_complete_index(path, LAYER)
        table = read_geopackage(path, grid)
        polygons = prepare_polygons(table, grid, str(path), legend)
        return polygons, self._unchanged(path, sha256)

    def s1_names(self, v1_names: Collection[str]) -> dict[str, str]:
        """v1 patch name to the name of its Sentinel-1 patch, for the names given.

        Raises:
            InvalidInput: one v1 patch has two matching patches, or a name that is not
                one of a Sentinel-1 patch.
        """
        table = self._read_lists(S1_MAPPING, ["s2v1_name", "s1_name"])
        table = table[table["s2v1_name"].isin(list(v1_names))].drop_duplicates()
        repeated = table[table["s2v1_name"].duplicated()]
        if len(repeated):
            raise InvalidInput(
                f"{self.find(S1_MAPPING)}: expected one matching Sentinel-1 patch for "
                "each v1 "
                f"patch; {repeated['s2v1_name'].iloc[0]} has several"
            )
        for name in table["s1_name"]:
            _require_s1_name(name, self.find(S1_MAPPING))
        return dict(zip(table["s2v1_name"], table["s1_name"], strict=True))

    def snow(self) -> set[str]:
        """v1 names of patches with seasonal snow."""
        return set(self._read_lists(SNOW, ["s2v1_name"])["s2v1_name"])

    def cloud(self) -> set[str]:
        """v1 names of patches with cloud or cloud shadow."""
        return set(self._read_lists(CLOUD, ["s2v1_name"])["s2v1_name"])

    def _read_lists(self, name: str, columns: list[str]) -> pd.DataFrame:
        path = self.find(name)

        def read(path: Path) -> pd.DataFrame:
            return pd.read_csv(
                path,
                header=None,
                names=columns,
                usecols=range(len(columns)),
                dtype="str",
            )

        try:
            return self._read(path, read)
        except (ValueError, OSError, EOFError) as error:
            raise InvalidInput(
                f"{path}: expected CSV without header, columns {', '.join(columns)}: "
                f"{error}"
            ) from error


def _require_s1_name(name: object, path: Path) -> None:
    """Raise InvalidInput unless a directory may be named so."""
    try:
        s1_acquisition(str(name))
    except InvalidProductName as error:
        raise InvalidInput(f"{path}: {error}; get the file again") from error


def read_vector(path: Path) -> gpd.GeoDataFrame:
    """All features of a vector file.

    Raises:
        InvalidInput: it is not readable.
    """
    require_plain(path)
    try:
        return gpd.read_file(path)
    except pyogrio.errors.DataSourceError as error:
        raise InvalidInput(f"{path}: not a readable vector file: {error}") from error
