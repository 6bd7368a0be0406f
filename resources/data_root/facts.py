"""What each asset says of a tile in its record, beside the files: one model an asset.

Belongs here: names and types of these facts, as they are written and read. Not here:
the fields that all records have (``records``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

import pydantic
import pydantic_core

from ben_assets.bigearthnet.relative_names import stays_inside
from ben_assets.safe.manifest import Member
from resources.data_root.flow import SUBSETS

if TYPE_CHECKING:
    from ben_assets.bigearthnet.patch_grid import TileGeocoding


def _require_inside(name: str) -> str:
    if not stays_inside(name):
        raise ValueError(f"{name!r} leads out of the asset's folder")
    return name


def _require_time(text: str) -> str:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None or not _LAUNCHED <= time.year < _LAUNCHED + 100:
        raise ValueError(f"{text!r} is not a time in UTC of a Sentinel-2")
    return text


def _require_utm(epsg: int) -> int:
    if not (epsg // 100 in {326, 327} and 1 <= epsg % 100 <= 60):
        raise ValueError(f"{epsg} is not the EPSG code of a UTM zone")
    return epsg


_LAUNCHED: Final = 2015
"""Year of the first Sentinel-2."""
Sha256 = Annotated[str, pydantic.StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256, lower-case hex."""
Inside = Annotated[str, pydantic.AfterValidator(_require_inside)]
"""Relative path of something below a folder."""
Count = Annotated[int, pydantic.Field(ge=0, le=2**63 - 1)]
"""Of things or bytes; no file is larger, and no position in one."""
_Time = Annotated[str, pydantic.AfterValidator(_require_time)]
_Utm = Annotated[int, pydantic.AfterValidator(_require_utm)]
_Easting = Annotated[int, pydantic.Field(ge=0, le=1_000_000)]
"""Metres; the middle of a UTM zone is at 500 km, and no zone is wider than 1,000."""
_Northing = Annotated[int, pydantic.Field(ge=0, le=10_100_000)]
"""Metres; the equator of southern zones is at 10,000 km."""
_Side = Annotated[int, pydantic.Field(gt=0, le=109_800)]
"""Metres; a full tile has 109.8 km."""


class Facts(pydantic.BaseModel):
    """No facts: what an asset of which no others are known has in its record."""

    model_config = pydantic.ConfigDict(
        frozen=True, strict=True, extra="forbid", defer_build=True
    )

    def as_stored(self) -> dict[str, Any]:
        """As written in the JSON of a record: what was given, as plain values."""
        return self.model_dump(mode="json", exclude_unset=True)


class CatalogueEntry(Facts):
    """What the catalogue says about one product."""

    id: str
    """The id that downloads ask for."""
    name: str
    """Product name with ``.SAFE``."""
    size: Count
    """Bytes of its zip, 0 where the catalogue does not know."""
    checksums: dict[str, str]
    """Algorithm (``MD5``, ``BLAKE3``) to lower-case hex of the zip; may be empty."""
    online: bool
    """Whether it can be downloaded now."""
    published: str
    """Publication time, ISO 8601."""
    modified: str
    """Time of the last change, ISO 8601."""
    s3_path: str
    """Where its files lie in the S3 interface; empty if not stated."""


class ProductStatus(CatalogueEntry):
    """``tile_ids``: a product as its sources know it."""

    gone_since: str = ""
    """When CDSE deleted it; empty where it did not, or did not say."""
    gone_because: str = ""
    """Why."""
    replaced_by: tuple[str, ...] = ()
    """Products of the same acquisition that CDSE has instead."""
    sources: dict[str, str] = {}
    """Source to what it says of the exact product."""

    @property
    def entry(self) -> CatalogueEntry | None:
        """What the catalogue says of it, where it can be had there."""
        if not self.online:
            return None
        return CatalogueEntry(
            **{name: getattr(self, name) for name in CatalogueEntry.model_fields}
        )


class State(StrEnum):
    """What became of one expectation."""

    VERIFIED = "verified"
    UNVERIFIABLE = "unverifiable"
    CHANGED_UPSTREAM = "changed upstream"


@dataclass(frozen=True)
class ServiceCheck:
    """One expectation and what became of it."""

    state: State
    """Whether it holds."""
    detail: str = ""
    """Why not, or how many."""


class ZipFacts(Facts):
    """``l1c_zips``: a product's zip, where it came from and which proofs held."""

    id: str | None
    """Its id in CDSE, None where none is known."""
    source: str
    """Name of the source, or the setting whose folder it was imported from."""
    sources: dict[str, str] = {}
    """Source to what it said; absent from the records of imported zips."""
    zip_bytes: Count
    zip_sha256: Sha256
    checks: dict[str, ServiceCheck]
    """By expectation: ``length``, ``MD5``, ``zip``, ``manifest`` ..."""
    members: dict[Inside, Member]
    """Every file, by its path below the .SAFE folder."""
    unknown_members: tuple[str, ...]
    """Files that the manifest does not know."""
    missing_members: tuple[str, ...]
    """Files of the manifest that are not there and that nothing needs."""
    unproven_images: tuple[str, ...]
    """Band rasters that the manifest does not verify."""
    packed_here: bool
    """Whether files of a bucket were packed here: the zip is of nobody else."""
    left_out: tuple[str, ...]
    """Objects of the bucket that do not belong to the product."""
    added_folders: tuple[str, ...]
    """Empty directories that the bucket cannot hold."""
    changed_members: dict[str, list[str]]
    """Files ``added``, ``removed`` and ``changed``; empty if no zip was replaced."""


class LocatedFacts(Facts):
    """Place, time and maker of a tile, which its records repeat from ``l2a_tiles`` on.

    So each step needs its inputs alone.
    """

    tile_id: Inside
    """What its patch ids begin with."""
    epsg: _Utm
    """EPSG code of its UTM zone."""
    ulx: _Easting
    """Easting of the upper left corner in metres."""
    uly: _Northing
    """Northing of the upper left corner in metres."""
    side_m: _Side
    """Side in metres."""
    start_time: _Time
    """PRODUCT_START_TIME, ISO 8601."""
    l2a_processor: str
    """What made the L2A product."""
    failed_quality_checks: dict[str, str]
    """Check that decides on labels to its result, of those that did not pass."""

    @property
    def geocoding(self) -> TileGeocoding:
        """Position and size."""
        from ben_assets.bigearthnet.patch_grid import TileGeocoding  # brings numpy

        return TileGeocoding(self.epsg, self.ulx, self.uly, self.side_m)

    @property
    def started(self) -> datetime:
        """The start time, in UTC."""
        return datetime.fromisoformat(self.start_time)

    @classmethod
    def after(cls, upstream: LocatedFacts, **own: object) -> Self:
        """Facts that repeat those of the tile before; ``own`` are checked as read."""
        carried = (
            set(cls.model_fields) & set(_CARRIED) & set(type(upstream).model_fields)
        )
        return cls(**{name: getattr(upstream, name) for name in carried} | own)


@dataclass(frozen=True)
class ManifestFacts:
    """What the manifest of an imported product could verify."""

    verified: int
    """Number of files."""
    unverified: list[str]
    """Names of the band rasters that it says nothing of."""


Parameters = dict[str, str | float | dict[str, int]]
"""Parameters of an L2A processor that decide pixels."""


class L2aFacts(LocatedFacts):
    """``l2a_tiles``: an L2A product, what made it, and how."""

    product: Inside
    """Its name, without ``.SAFE``."""
    baseline: str
    """Processing baseline."""
    quantification: int
    """Digital numbers a unit of reflectance."""
    offsets: dict[str, int]
    """Band name to the offset of its digital numbers."""
    quality: dict[str, str]
    """ESA's quality check to its result."""
    source: str
    """``l1c_zips``, a source, or the setting whose folder it was imported from."""
    processor: str
    """``sen2cor``, ``dark-object`` or ``ESA``."""
    version: str
    """Version of the processor, or ``unknown``."""
    parameters: Parameters
    """What decides the pixels beside the input."""
    warnings: tuple[str, ...]
    """What a reader of the product must know."""
    manifest: ManifestFacts | None = None
    """Of a product that was not made here."""
    sources: dict[str, str] = {}
    """Source to what it said, of a product that was fetched."""
    cores: int | None = None
    """Cores the processor was told to use; this and what follows: if it ran here."""
    seconds: float | None = None
    """Wall time."""
    peak_memory_bytes: int | None = None
    """Largest resident size of any one of its processes."""
    restored_folders: tuple[str, ...] = ()
    """Empty folders that the zip lacks."""


class RecipeFacts(LocatedFacts):
    """What made the patches of a tile; repeated from ``patches`` on."""

    recipe: str
    """Name of the recipe."""
    recipe_sha256: Sha256
    """Digest of what it says."""
    baseline: str
    """Processing baseline of the L2A product."""
    value_scale: str
    """Scale of the digital numbers."""
    offsets: dict[str, int]
    """Band name to the offset of the product's digital numbers."""
    alignment: Literal["v1", "none"]
    """Whether patches are those that have a v1 patch, or all valid ones."""


_CARRIED: Final = (*LocatedFacts.model_fields, *RecipeFacts.model_fields)


@dataclass(frozen=True)
class TableFacts:
    """A tile's table."""

    file: str
    """Its name."""
    rows: int
    bytes: int
    sha256: Sha256


class TabledFacts(RecipeFacts):
    """Facts of an asset with a table of each tile."""

    table: TableFacts


class PatchFacts(TabledFacts):
    """``patches``."""

    season: str
    """Season of the sensing time."""
    cells: Count
    """Cells of the grid."""
    valid: Count
    """Cells without a zero in any band."""
    aligned: Count
    """Cells with a v1 patch."""
    patches: Count
    """Patches exported."""
    dark_cells: Count
    """Cells that are invalid for zeros in some bands alone."""
    dark_bands: dict[str, int]
    """Band name to number of such cells."""
    far_from_country: Count
    """Cells farther than 20 km from their country."""


class MapFacts(TabledFacts):
    """``reference_maps``."""

    pixels: pydantic.PositiveInt
    """Pixels of the tile."""
    pixels_without_polygon: Count
    """Those without land cover (999)."""
    legend: str
    """Name of the legend of the land cover."""
    land_cover_year: int
    """Year that the land cover is of."""
    sensing_year: int
    """Year of the tile."""
    deflated_by: str = "GDAL"
    """Which encoder deflated the maps: ``libdeflate`` or ``GDAL``."""


class MetadataFacts(TabledFacts):
    """``metadata_tables``."""

    labelled: Count
    """Cells with labels."""
    kept: Count
    """Cells that are part of the data set."""


class DatasetFacts(RecipeFacts):
    """``aligned_dataset``."""

    patches: Count
    """Patches placed."""
    s1_patches: Count
    """Sentinel-1 patches placed."""


@dataclass(frozen=True)
class ArchiveFacts:
    """One archive: the compressed file and the tar inside."""

    members: int
    """Number of files packed."""
    bytes: int
    sha256: Sha256
    md5: str
    tar_bytes: int
    tar_sha256: Sha256
    tar_md5: str


@dataclass(frozen=True)
class FrameFacts:
    """A zstd frame of a tile's archive, which a release takes over as it is."""

    offset: Count
    """Where it begins in the compressed file, in bytes."""
    bytes: Count
    """Its compressed size."""
    sha256: Sha256
    """Of its compressed bytes."""
    members: Count
    """Number of files in it."""


class ArchivesFacts(RecipeFacts):
    """``archives``: file name to archive, and to the frames in it."""

    archives: dict[str, ArchiveFacts]
    frames: dict[str, dict[str, FrameFacts]] = {}
    """By what the names of the files of a frame begin with; none in older records."""


class DatabaseFacts(RecipeFacts):
    """``training_lmdb``."""

    patches: Count
    """Patches in the database."""


class ListFacts(Facts):
    """``tile_id_csv`` and ``l1c_hash_csv``."""

    rows: Count
    """Rows of the table."""
    left_out: Count
    """Tiles without a row."""


class TilesFacts(Facts):
    """``release_report``; all assets of a release state the number of their tiles."""

    tiles: Count


class UniformFacts(TilesFacts):
    """What all tiles of a release have in common."""

    l2a_processor: str
    value_scale: str
    recipe: str


class ReleaseTablesFacts(UniformFacts):
    """``release_metadata``."""

    rows: dict[str, int]
    """File name to number of rows."""
    recipe_sha256: Sha256


class ReleaseArchivesFacts(TilesFacts):
    """``release_archives``: file name to archive."""

    archives: dict[str, ArchiveFacts]


class IndexFacts(UniformFacts):
    """``release_index``."""

    rows: Count
    """Patches of the release."""


class ReleaseDatabaseFacts(TilesFacts):
    """``release_lmdb``."""

    entries: Count
    """Keys of the database."""


class ShardFacts(TilesFacts):
    """``release_shards``."""

    samples: dict[str, int]
    """File name to number of samples."""


class StatisticsFacts(TilesFacts):
    """``release_statistics``."""

    patches: Count


class ReleaseCardFacts(StatisticsFacts):
    """``release_card``."""

    listed_files: Count
    """Files in the manifest of the data set."""


class SubsetFacts(Facts):
    """A subset of a release: the patches, and how they were chosen."""

    patches: Count
    patches_sha256: Sha256
    """Digest of the list of their ids."""
    where: str
    """Condition in SQL."""
    share: float
    """Share of the rows that stay."""
    seed: int
    per_class: int | None
    """Patches to look for of each label; None: all."""


OF_ASSET: Final[Mapping[str, type[Facts]]] = {
    "tile_ids": ProductStatus,
    "l1c_zips": ZipFacts,
    "l2a_tiles": L2aFacts,
    "patches": PatchFacts,
    "reference_maps": MapFacts,
    "metadata_tables": MetadataFacts,
    "aligned_dataset": DatasetFacts,
    "archives": ArchivesFacts,
    "training_lmdb": DatabaseFacts,
    "tile_id_csv": ListFacts,
    "l1c_hash_csv": ListFacts,
    "release_metadata": ReleaseTablesFacts,
    "release_archives": ReleaseArchivesFacts,
    "release_report": TilesFacts,
    "release_index": IndexFacts,
    "release_lmdb": ReleaseDatabaseFacts,
    "release_shards": ShardFacts,
    "release_statistics": StatisticsFacts,
    "release_card": ReleaseCardFacts,
}
"""Asset key to the model of its facts."""


def parse_facts(asset: str, stored: dict[str, Any]) -> Facts:
    """The facts of an asset from the JSON of its record.

    Raises:
        pydantic.ValidationError: one is missing, unknown, of another type, or a path
            that leads out of the asset's folder.
    """
    is_subset = asset.startswith(f"{SUBSETS}/")
    kind = SubsetFacts if is_subset else OF_ASSET.get(asset, Facts)
    return kind.model_validate_json(pydantic_core.to_json(stored))
