"""``release_index``: one row a patch of the release, with place, time, land cover."""

from __future__ import annotations

from typing import Final

import pandas as pd
import pyarrow as pa

from ben_assets.bigearthnet.checksums import file_digest
from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.bigearthnet.legend import Legend
from ben_assets.bigearthnet.numerals import counted
from ben_assets.bigearthnet.seasons import season_of
from ben_assets.steps import patches, reference_maps, release
from ben_assets.steps.step_context import (
    StepContext,
    read_file_of,
    read_table_of_key,
    versions,
)
from ben_assets.training.index import (
    INDEX_FILE,
    TileOrigin,
    tile_index,
    write_index,
)
from resources.data_root.facts import DatasetFacts, IndexFacts, UniformFacts
from resources.data_root.flow import RELEASE
from resources.data_root.store import Record, StoredRecord

ASSET: Final = "release_index"


def make_release_index(ctx: StepContext) -> StoredRecord:
    """Join what the tables of all tiles say of the retained patches.

    Raises:
        MissingInput: no tile, or a table of one is not on disk.
        InvalidInput: the aligned data set is of other tables than those on disk.
    """
    records = release.released_tiles(ctx)
    legend = release.recipe_of(ctx, records).land_cover.legend
    table = pa.concat_tables([_tile_rows(ctx, record, legend) for record in records])
    with ctx.storage.draft(ASSET, RELEASE, ctx.log) as draft:
        path = draft.path / INDEX_FILE
        write_index(path, table)
        ctx.log(f"{len(table)} patches of {counted(len(records), 'tile')}")
        return draft.publish(
            Record(
                asset=ASSET,
                tile=RELEASE,
                digests={path.stem: file_digest(path)},
                bytes=path.stat().st_size,
                outputs=(path.name,),
                made_from={record.tile: record.sha256 for record in records},
                made_with=versions("geopandas", "pyarrow", "pyproj", "shapely"),
                facts=IndexFacts(
                    rows=len(table),
                    tiles=len(records),
                    **release.in_common(records, UniformFacts),
                ),
            )
        )


def _tile_rows(ctx: StepContext, record: StoredRecord, legend: Legend) -> pa.Table:
    rows = release.read_tile(ctx, record).query("kept")
    tile = record.tile
    cells = read_table_of_key(ctx, patches.ASSET, tile)[["patch_id", "x", "y"]]
    counts = read_table_of_key(ctx, reference_maps.ASSET, tile)
    counts = counts[counts["patch_id"].isin(rows["patch_id"])]
    merged = rows.merge(cells, on="patch_id", validate="one_to_one")
    return tile_index(_origin(record), merged, _pixels(counts), legend)


def _pixels(counts: pd.DataFrame) -> dict[str, dict[int, int]]:
    return {
        str(patch): dict(zip(rows["clc_code"], rows["pixels"], strict=True))
        for patch, rows in counts.groupby("patch_id", sort=False)
    }


def _origin(record: StoredRecord) -> TileOrigin:
    facts = record.facts_as(DatasetFacts)
    return TileOrigin(
        tile=record.tile,
        epsg=facts.epsg,
        corner=(facts.ulx, facts.uly),
        time=facts.started,
        season=season_of(facts.started),
        product=facts.tile_id,
        baseline=facts.baseline,
        value_scale=facts.value_scale,
        recipe=facts.recipe,
    )


def read_index(ctx: StepContext, records: list[StoredRecord]) -> pa.Table:
    """The index on disk, if it is of these tiles.

    Raises:
        MissingInput: there is no index.
        InvalidInput: it is of another set of tiles, or damaged.
    """
    record = ctx.storage.require(ASSET, RELEASE)
    if record.made_from != {r.tile: r.sha256 for r in records}:
        raise InvalidInput(
            f"the {ASSET} on disk is of another set of tiles than the aligned data set "
            f"({record.facts_as(IndexFacts).tiles} tiles there, {len(records)} here); "
            f"materialize {ASSET} again"
        )
    return read_file_of(ctx, record, INDEX_FILE)
