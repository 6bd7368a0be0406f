"""Jobs by the names of what people do."""

from __future__ import annotations

import dagster as dg

from ben_assets.assets import l1c, l2a, release

tile = dg.define_asset_job(
    "tile",
    selection=dg.AssetSelection.assets(l1c.tile_ids).downstream()
    & dg.AssetSelection.assets(release.archives).upstream(),
    description="One tile from the CDSE catalogue to its archives.",
)

tile_from_l2a = dg.define_asset_job(
    "tile_from_l2a",
    selection=dg.AssetSelection.assets(l2a.l2a_tiles).downstream()
    & dg.AssetSelection.assets(release.archives).upstream(),
    description="One tile from an adopted L2A product to its archives.",
)

l1c_tables = dg.define_asset_job(
    "l1c_tables",
    selection=dg.AssetSelection.assets(l1c.tile_id_csv, l1c.l1c_hash_csv),
    description="The original's tables of ids and hashes, of all L1C products found.",
)

release_job = dg.define_asset_job(
    "release",
    selection=dg.AssetSelection.assets(
        release.release_metadata, release.release_archives
    ),
    description="The release files of all tiles in the aligned data set.",
)

JOBS = [tile, tile_from_l2a, l1c_tables, release_job]
"""All jobs."""
