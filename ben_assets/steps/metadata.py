"""``metadata_tables``: labels, split, country and other names of each cell."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from ben_assets.bigearthnet.patch_table import LabelRule, metadata_table
from ben_assets.bigearthnet.table_columns import METADATA_TABLES, arrow_schema
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.steps import patches, reference_maps
from ben_assets.steps.pictures import write_label_picture
from ben_assets.steps.step_context import (
    StepContext,
    read_table,
    require_current,
    table_digest,
    table_facts,
    versions,
)
from resources.data_root.facts import MetadataFacts, PatchFacts
from resources.data_root.store import Record, StoredRecord
from resources.inputs.pins import CLOUD, S1_MAPPING, SNOW

ASSET: Final = "metadata_tables"


def make_metadata_table(tile: Tile, ctx: StepContext) -> StoredRecord:
    """Join what is known of each grid cell of a tile.

    Raises:
        MissingInput: patches, maps or a reference input are not on disk.
        InvalidInput: a labelled patch has no matching Sentinel-1 patch, or the maps are
            of other patches.
    """
    cells_record = require_current(ctx, patches.ASSET, tile)
    maps_record = require_current(ctx, reference_maps.ASSET, tile)
    cells = read_table(ctx, patches.ASSET, tile)
    needs_v1 = tile.alignment == "v1"
    used = (S1_MAPPING, SNOW, CLOUD) if needs_v1 else ()
    recipe = ctx.recipe(tile.alignment)
    failed = cells_record.facts_as(PatchFacts).failed_quality_checks
    if failed:
        ctx.log(f"quality checks {failed}: no patch of this tile gets labels")
    table = metadata_table(
        cells,
        read_table(ctx, reference_maps.ASSET, tile),
        ctx.inputs.s1_names(cells["s2v1_name"].dropna()) if needs_v1 else {},
        ctx.inputs.snow() if needs_v1 else (),
        ctx.inputs.cloud() if needs_v1 else (),
        rule=LabelRule(recipe.land_cover.legend, recipe.max_unlabelled, not failed),
        needs_v1=needs_v1,
    )
    made_from = {
        patches.ASSET: cells_record.sha256,
        reference_maps.ASSET: maps_record.sha256,
        **table_digest(cells_record),
        **table_digest(maps_record),
    }
    for name in used:
        made_from |= ctx.inputs.digest(name)
    with ctx.storage.draft(ASSET, tile.key, ctx.log) as draft:
        path = draft.path / f"{tile.key}.parquet"
        schema = arrow_schema(METADATA_TABLES)
        content = pa.Table.from_pandas(table, schema=schema, preserve_index=False)
        pq.write_table(content, path)
        write_label_picture(draft, tile, table, recipe.land_cover.legend)
        stored = table_facts(path, len(table))
        return draft.publish(
            Record(
                asset=ASSET,
                tile=tile.key,
                digests={tile.key: stored.sha256},
                bytes=stored.bytes,
                outputs=tuple(entry.name for entry in draft.path.iterdir()),
                made_from=made_from,
                made_with=versions("pyarrow"),
                facts=MetadataFacts.after(
                    cells_record.facts_as(PatchFacts),
                    table=stored,
                    labelled=int(table["labels"].notna().sum()),
                    kept=int(table["kept"].sum()),
                ),
            ),
            keep_hash_list=False,
        )
