"""The pinned inputs on disk: found, read and checked.

Belongs here: which file a step reads and what it must hold. Not here: fetching.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import geopandas as gpd
import pandas as pd
import pyogrio.errors

from ben_assets.bigearthnet.alignment import check_footprints
from ben_assets.bigearthnet.countries import select_countries
from ben_assets.bigearthnet.errors import InvalidInput, MissingInput
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.reference_map import (
    ClcPolygons,
    prepare_polygons,
    read_geopackage,
)
from resources.data_root.store import DigestCache, Storage
from resources.inputs.pins import (
    CLOUD,
    CORINE,
    COUNTRIES,
    S1_MAPPING,
    SNOW,
    V1_ZONES,
    find_reference,
    footprints_name,
    load_pins,
)
from resources.settings import Settings

if TYPE_CHECKING:
    from resources.postgis.clc_source import ClcInPostgis

IN_POSTGIS: Final = "postgis"
"""Value of ``BEN_CLC_PATH``: the polygons that ``postgis_clc2018`` loaded."""


def takes_clc_from_postgis(settings: Settings) -> bool:
    """Whether ``BEN_CLC_PATH`` says that the polygons come from PostGIS."""
    return settings.text("BEN_CLC_PATH") == IN_POSTGIS


@dataclass(frozen=True)
class ReferenceInputs:
    """Reads the inputs of ``BEN_REFERENCE_DIR`` and ``BEN_CLC_PATH``."""

    folder: Path
    """``BEN_REFERENCE_DIR``."""
    clc_path: Path
    """The CORINE GeoPackage."""
    digests: DigestCache
    """Keeps the digests of the files read."""
    clc_in_postgis: ClcInPostgis | None = None
    """Where the CORINE polygons are, if not in the GeoPackage."""

    @classmethod
    def from_settings(cls, settings: Settings) -> ReferenceInputs:
        """As the environment says."""
        folder = settings.reference_dir
        digests = DigestCache(Storage(settings.data_dir))
        if takes_clc_from_postgis(settings):
            # here: a step that needs no database shall not wait for its driver
            from resources.postgis.clc_source import ClcInPostgis

            return cls(folder, folder / CORINE, digests, ClcInPostgis(settings))
        clc_path = settings.path("BEN_CLC_PATH") or folder / CORINE
        return cls(folder, clc_path, digests)

    def find(self, name: str) -> Path:
        """The file of a pinned input, plain or compressed.

        Raises:
            MissingInput: says where to get it and where to put it.
        """
        path = find_reference(self.folder, name)
        if path is not None:
            return path
        raise MissingInput(
            f"reference input {name} is missing: expected {self.folder / name}; get it "
            f"from {load_pins()[name].home} and put it there (or run: ben reference "
            "fetch), or set BEN_REFERENCE_DIR"
        )

    def digest(self, name: str) -> dict[str, str]:
        """File name to SHA-256 of an input, for the ``made_from`` of a record."""
        path = self.find(name)
        return {path.name: self.digests.digest(path)}

    def clc_digest(self) -> dict[str, str]:
        """File name to SHA-256 of the CORINE polygons, wherever they are read from."""
        if self.clc_in_postgis is not None:
            return self.clc_in_postgis.digest()
        return self.clc_file_digest()

    def clc_file_digest(self) -> dict[str, str]:
        """File name to SHA-256 of the CORINE GeoPackage."""
        return {self.clc_path.name: self.digests.digest(self.clc_path)}

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
            table = gpd.read_parquet(path)
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
        try:
            table = gpd.read_file(path)
        except pyogrio.errors.DataSourceError as error:
            raise InvalidInput(f"{path}: not a readable GeoJSON: {error}") from error
        return select_countries(table, str(path))

    def clc_polygons(self, grid: TileGeocoding) -> ClcPolygons:
        """The CORINE polygons of a tile, in its zone and in order of precedence."""
        if self.clc_in_postgis is not None:
            table = self.clc_in_postgis.read(grid)
            return prepare_polygons(table, grid, "CORINE in PostGIS")
        table = read_geopackage(self.clc_path, grid)
        return prepare_polygons(table, grid, str(self.clc_path))

    def s1_names(self, v1_names: Collection[str]) -> dict[str, str]:
        """v1 patch name to the name of its Sentinel-1 patch, for the names given.

        Raises:
            InvalidInput: one v1 patch has two matching patches.
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
        return dict(zip(table["s2v1_name"], table["s1_name"], strict=True))

    def snow(self) -> set[str]:
        """v1 names of patches with seasonal snow."""
        return set(self._read_lists(SNOW, ["s2v1_name"])["s2v1_name"])

    def cloud(self) -> set[str]:
        """v1 names of patches with cloud or cloud shadow."""
        return set(self._read_lists(CLOUD, ["s2v1_name"])["s2v1_name"])

    def _read_lists(self, name: str, columns: list[str]) -> pd.DataFrame:
        path = self.find(name)
        try:
            return pd.read_csv(
                path,
                header=None,
                names=columns,
                usecols=range(len(columns)),
                dtype="str",
            )
        except (ValueError, OSError, EOFError) as error:
            raise InvalidInput(
                f"{path}: expected CSV without header, columns {', '.join(columns)}: "
                f"{error}"
            ) from error
