"""``postgis_*``: what is on disk, published as a spatial database."""

from __future__ import annotations

import io
from collections import defaultdict
from dataclasses import dataclass
from typing import Final

import geopandas as gpd
import pandas as pd

from ben_assets.bigearthnet.checksums import hash_list_digest
from ben_assets.bigearthnet.dataset_layout import (
    MAP_SUFFIX,
    S1_ROOT,
    patch_folder,
    s1_folder,
)
from ben_assets.bigearthnet.errors import InvalidInput, MissingInput
from ben_assets.bigearthnet.reference_map import require_geopackage
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.steps import dataset, metadata, patches, reference_maps
from ben_assets.steps.step_context import (
    StepContext,
    read_table,
    table_digest,
)
from resources.data_root.facts import PatchFacts
from resources.data_root.store import StoredRecord
from resources.inputs.pins import CORINE, COUNTRIES, V1_ZONES, footprints_name
from resources.postgis.database import Postgis
from resources.postgis.inputs import (
    CLC_TABLE,
    COUNTRY_TABLE,
    V1_TABLE,
    load_clc,
    load_countries,
    load_v1_footprints,
)
from resources.postgis.tiles import TileFacts, TileRows, publish_tile

_OF_METADATA: Final = (
    "s1_name",
    "contains_seasonal_snow",
    "contains_cloud_or_shadow",
    "kept",
)


@dataclass(frozen=True)
class Publication:
    """What a step brought into the database."""

    database: str
    """Where it is, without a password."""
    rows: dict[str, int]
    """Table name to number of rows."""
    made_from: dict[str, str]
    """Digest of each input, by asset key or file name."""


def publish_patches(tile: Tile, ctx: StepContext) -> Publication:
    """Replace what PostGIS has of a tile by what is on disk.

    Without ``metadata_tables`` of the tile, labels, matching patches and flags stay
    null.

    Raises:
        MissingInput: the patches or the maps are not on disk.
        InvalidInput: the metadata were made from other maps.
        BenError: the database refuses; then nothing was changed there.
    """
    database = Postgis.from_settings(ctx.settings)
    rows = tile_rows(tile, ctx)
    counts = publish_tile(database, rows)
    ctx.log(f"{counts['patches']} grid cells published to {database.name}")
    return Publication(database.name, counts, rows.facts.made_from)


def tile_rows(tile: Tile, ctx: StepContext) -> TileRows:
    """All that PostGIS is told of a tile."""
    cells_record = ctx.storage.require(patches.ASSET, tile.key)
    maps_record = ctx.storage.require(reference_maps.ASSET, tile.key)
    metadata_record = ctx.storage.find(metadata.ASSET, tile.key)
    records = [cells_record, maps_record]
    if metadata_record is None:
        ctx.log("metadata_tables is not on disk: labels, names and flags stay null")
    else:
        _require_same_maps(metadata_record, maps_record)
        records.append(metadata_record)
    cells = gpd.read_parquet(
        io.BytesIO(ctx.storage.read_file(cells_record, f"{tile.key}.parquet"))
    )
    known, digests = _metadata(tile, ctx, metadata_record), ctx.storage.digests
    rows = cells.merge(known[["patch_id", *_OF_METADATA]], on="patch_id", how="left")
    labels = known[["patch_id", "labels"]].rename(columns={"labels": "label"})
    return TileRows(
        facts=_facts(tile, records),
        geocoding=cells_record.facts_as(PatchFacts).geocoding,
        patches=_with_files(rows, digests(cells_record), digests(maps_record)),
        labels=labels.explode("label").dropna(),
        pixel_counts=read_table(ctx, reference_maps.ASSET, tile),
    )


def _require_same_maps(known: StoredRecord, maps: StoredRecord) -> None:
    current = table_digest(maps).items()
    if not current <= known.made_from.items():
        raise InvalidInput(
            f"metadata_tables of {known.tile} was made from other reference maps than "
            "those on disk; materialize metadata_tables again"
        )


def _metadata(
    tile: Tile, ctx: StepContext, record: StoredRecord | None
) -> pd.DataFrame:
    if record is None:
        columns = ["patch_id", "labels", *_OF_METADATA]
        return pd.DataFrame(columns=columns, dtype="object")
    return read_table(ctx, metadata.ASSET, tile)


def _facts(tile: Tile, records: list[StoredRecord]) -> TileFacts:
    facts = records[0].facts_as(PatchFacts)
    made_from: dict[str, str] = {}
    for record in records:
        made_from |= {record.asset: record.sha256} | table_digest(record)
    return TileFacts(
        tile=tile.key,
        tile_id=facts.tile_id,
        start_time=facts.started,
        season=facts.season,
        alignment=tile.alignment,
        l2a_processor=facts.l2a_processor,
        failed_quality_checks=sorted(facts.failed_quality_checks),
        has_metadata=records[-1].asset == metadata.ASSET,
        made_from=made_from,
    )


def _with_files(
    rows: gpd.GeoDataFrame, band_digests: dict[str, str], map_digests: dict[str, str]
) -> gpd.GeoDataFrame:
    """The cells with paths below the data root, and digests, of their files."""
    bands: dict[str, dict[str, str]] = defaultdict(dict)
    for name, digest in band_digests.items():
        bands[name.rpartition("_")[0]][name] = digest
    images = {patch: hash_list_digest(bands[patch]) for patch in bands}
    maps = {
        name.removesuffix(MAP_SUFFIX): digest for name, digest in map_digests.items()
    }
    ids = rows["patch_id"]
    kept_s1 = rows["s1_name"].where(rows["kept"].eq(True)).dropna()
    return rows.assign(
        s2_path=[_image_path(i) if i in images else None for i in ids],
        s2_sha256=ids.map(images),
        reference_map_path=[_map_path(i) if i in maps else None for i in ids],
        reference_map_sha256=ids.map(maps),
        s1_path=kept_s1.map(_s1_path),
    )


def _image_path(patch: str) -> str:
    return f"{patches.ASSET}/{patch_folder(patch)}"


def _map_path(patch: str) -> str:
    return f"{reference_maps.ASSET}/{patch_folder(patch)}/{patch}{MAP_SUFFIX}.tif"


def _s1_path(s1_name: str) -> str:
    return f"{dataset.ASSET}/{S1_ROOT}/{s1_folder(s1_name)}"


def publish_clc2018(ctx: StepContext) -> Publication:
    """Load the CORINE GeoPackage into PostGIS.

    Raises:
        MissingInput: the GeoPackage is not on disk.
        InvalidInput: it is not CORINE as expected.
        BenError: the database refuses; then nothing was changed there.
    """
    database = Postgis.from_settings(ctx.settings)
    require_geopackage(ctx.inputs.clc_path)
    digest = ctx.inputs.digest(CORINE)
    rows = load_clc(database, ctx.inputs.clc_path, digest)
    return Publication(database.name, {CLC_TABLE: rows}, digest)


def publish_v1_footprints(ctx: StepContext) -> Publication:
    """Load the v1 footprints of all zones that are on disk into PostGIS.

    Raises:
        MissingInput: there is not one.
        BenError: the database refuses; then nothing was changed there.
    """
    database = Postgis.from_settings(ctx.settings)
    zones, digests = {}, {}
    for epsg in _v1_zones_on_disk(ctx):
        zones[epsg] = ctx.inputs.v1_footprints(epsg)
        digests[epsg] = ctx.inputs.digest(footprints_name(epsg))
    rows = load_v1_footprints(database, zones, digests)
    made_from = {name: sha for zone in digests.values() for name, sha in zone.items()}
    return Publication(database.name, {V1_TABLE: rows}, made_from)


def _v1_zones_on_disk(ctx: StepContext) -> list[int]:
    zones = []
    for epsg in V1_ZONES:
        try:
            ctx.inputs.find(footprints_name(epsg))
        except MissingInput as error:
            ctx.log(f"{footprints_name(epsg)} is not on disk: left out")
            missing = error
        else:
            zones.append(epsg)
    if not zones:
        raise missing
    return zones


def publish_countries(ctx: StepContext) -> Publication:
    """Load the ten countries into PostGIS.

    Raises:
        MissingInput: the file is not on disk.
        BenError: the database refuses; then nothing was changed there.
    """
    database = Postgis.from_settings(ctx.settings)
    digest = ctx.inputs.digest(COUNTRIES)
    rows = load_countries(database, ctx.inputs.countries(), digest)
    return Publication(database.name, {COUNTRY_TABLE: rows}, digest)
