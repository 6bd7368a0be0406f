"""``release_report``: what a release contains, on one page for people."""

from __future__ import annotations

from collections import Counter
from typing import Final

import pandas as pd

from ben_assets.bigearthnet.checksums import file_digest
from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.bigearthnet.legend import Legend
from ben_assets.bigearthnet.numerals import counted
from ben_assets.bigearthnet.patch_grid import SPLITS
from ben_assets.bigearthnet.product_names import place_and_time, tile_id_of_patch
from ben_assets.bigearthnet.release_tables import (
    HAS_SNOW_CLOUD_OR_SHADOW,
    NO_SNOW_CLOUD_OR_SHADOW,
)
from ben_assets.report.facts import CountryRow, LabelRow, ReleaseFacts, TileFacts
from ben_assets.report.gallery import choose_patches, make_gallery
from ben_assets.report.provenance import (
    inputs_of,
    release_files,
    render_page,
    versions_by_asset,
)
from ben_assets.report.tile_map import tile_map, view_of_tiles
from ben_assets.steps import (
    dataset,
    l2a,
    metadata,
    patches,
    reference_maps,
    release,
)
from ben_assets.steps.step_context import StepContext, read_file_of, versions
from ben_assets.tiles import published_keys
from resources.data_root.facts import (
    DatasetFacts,
    L2aFacts,
    MetadataFacts,
    ReleaseTablesFacts,
    TilesFacts,
)
from resources.data_root.flow import RELEASE
from resources.data_root.store import Record, StoredRecord
from resources.inputs.pins import COUNTRIES, load_pins, load_published

ASSET: Final = "release_report"
PAGE: Final = "report.html"
_TILE_ASSETS: Final = (
    l2a.ASSET,
    patches.ASSET,
    reference_maps.ASSET,
    metadata.ASSET,
    dataset.ASSET,
)


def make_release_report(ctx: StepContext) -> StoredRecord:
    """Write the report of the release on disk.

    Raises:
        MissingInput: there is no release on disk.
        InvalidInput: the release is of another set of tiles than the data set.
    """
    tiles = release.released_tiles(ctx)
    archives = ctx.storage.require(release.ARCHIVES, RELEASE)
    tables = ctx.storage.require(release.METADATA, RELEASE)
    expected = {record.tile: record.sha256 for record in tiles}
    if archives.made_from != expected | {release.METADATA: tables.sha256}:
        raise InvalidInput(
            "the release archives on disk are of another set of tiles than the aligned "
            f"data set ({archives.facts_as(TilesFacts).tiles} tiles there, "
            f"{len(tiles)} here); materialize release_metadata and release_archives "
            "again"
        )
    page = render_page(_facts(ctx, tiles, archives, tables))
    with ctx.storage.draft(ASSET, RELEASE, ctx.log) as draft:
        path = draft.path / PAGE
        path.write_text(page, encoding="utf-8")
        ctx.log(
            f"{PAGE}: {path.stat().st_size:,} bytes on {counted(len(tiles), 'tile')}"
        )
        return draft.publish(
            Record(
                asset=ASSET,
                tile=RELEASE,
                digests={PAGE: file_digest(path)},
                bytes=path.stat().st_size,
                outputs=(PAGE,),
                made_from={
                    release.METADATA: tables.sha256,
                    release.ARCHIVES: archives.sha256,
                    **_countries_digest(ctx, tiles),
                },
                made_with=versions("jinja2", "pillow", "pyproj"),
                facts=TilesFacts(tiles=len(tiles)),
            )
        )


def _facts(
    ctx: StepContext,
    tiles: list[StoredRecord],
    archives: StoredRecord,
    tables: StoredRecord,
) -> ReleaseFacts:
    rows = _read_patches(ctx, tables)
    recipe = release.recipe_of(ctx, tiles)
    legend = recipe.land_cover.legend
    made = [_tile_facts(ctx, record) for record in tiles]
    view = view_of_tiles(
        made,
        ctx.inputs.countries,
        lambda: ctx.inputs.all_countries(recipe.countries),
    )
    history = _history(ctx, tiles)
    published = load_published()["release"]
    tracked = published_keys()
    l2a_records = [record for record in history if record.asset == l2a.ASSET]
    stated = tables.facts_as(ReleaseTablesFacts)
    return ReleaseFacts(
        tiles=made,
        files=release_files(ctx.storage, archives, published),
        countries=_countries(rows),
        splits=SPLITS,
        labels=_labels(rows, legend),
        unclear=stated.rows.get(HAS_SNOW_CLOUD_OR_SHADOW, 0),
        gallery=make_gallery(
            choose_patches(rows), ctx.storage.folder(dataset.ASSET), legend
        ),
        tile_map=tile_map(made, view),
        map_caption=view.caption,
        processor=stated.l2a_processor,
        recipe=recipe.name,
        recipe_sha256=recipe.sha256,
        value_scale=str(recipe.value_scale),
        baselines=sorted({r.facts_as(DatasetFacts).baseline for r in tiles}),
        land_cover=recipe.land_cover.title,
        processor_versions=sorted(
            {record.facts_as(L2aFacts).version for record in l2a_records}
        ),
        versions=versions_by_asset([*history, tables, archives]),
        inputs=inputs_of(history, load_pins()),
        is_published_scope={record.tile for record in tiles} == tracked,
        published_tiles=len(tracked),
    )


def _read_patches(ctx: StepContext, tables: StoredRecord) -> pd.DataFrame:
    """Columns patch_id, labels, split, country and tile of all patches."""
    columns = ["patch_id", "labels", "split", "country"]
    parts = [
        read_file_of(ctx, tables, name, columns).to_pandas()
        for name in sorted({NO_SNOW_CLOUD_OR_SHADOW, *tables.outputs})
        if name.endswith(".parquet")
    ]
    rows: pd.DataFrame = pd.concat(parts, ignore_index=True)
    rows["country"] = rows["country"].fillna("no country")
    rows["tile"] = [tile_id_of_patch(name) for name in rows["patch_id"]]
    return rows


def _tile_facts(ctx: StepContext, record: StoredRecord) -> TileFacts:
    mgrs, time = place_and_time(record.tile)
    facts = record.facts_as(DatasetFacts)
    table = ctx.storage.require(metadata.ASSET, record.tile)
    return TileFacts(
        key=record.tile,
        tile_id=facts.tile_id,
        mgrs=mgrs,
        day=f"{time:%Y-%m-%d}",
        geocoding=facts.geocoding,
        alignment=facts.alignment,
        cells=table.facts_as(MetadataFacts).table.rows,
        patches=facts.patches,
        bytes=record.bytes,
        sha256=record.sha256,
    )


def _countries_digest(ctx: StepContext, tiles: list[StoredRecord]) -> dict[str, str]:
    """File name to SHA-256 of the countries on the map."""
    if any(record.facts_as(DatasetFacts).alignment == "v1" for record in tiles):
        return ctx.inputs.digest(COUNTRIES)
    return ctx.inputs.countries_digest(release.recipe_of(ctx, tiles).countries)


def _history(ctx: StepContext, tiles: list[StoredRecord]) -> list[StoredRecord]:
    """The records of the tiles' assets, as far as they are still on disk."""
    return [
        record
        for tile in tiles
        for asset in _TILE_ASSETS
        if (record := ctx.storage.find(asset, tile.tile)) is not None
    ]


def _countries(rows: pd.DataFrame) -> list[CountryRow]:
    counts = Counter(zip(rows["country"], rows["split"], strict=True))
    return [
        CountryRow(country, {split: counts[country, split] for split in SPLITS})
        for country in sorted(set(rows["country"]))
    ]


def _labels(rows: pd.DataFrame, legend: Legend) -> list[LabelRow]:
    counts = Counter(label for labels in rows["labels"] for label in labels)
    most, total = max([1, *counts.values()]), max(1, len(rows))
    return [
        LabelRow(label, counts[label], counts[label] / total, counts[label] / most)
        for label in legend.labels
    ]
