"""From tiles to the published data set."""

import dagster as dg

from ben_assets.assets import columns
from ben_assets.assets.patches import patches
from ben_assets.assets.reference import s1s2_mapping, snow_and_cloud_lists
from ben_assets.assets.reference_maps import reference_maps
from ben_assets.assets.tile_asset import (
    materialize_release,
    materialize_tile,
    release_asset,
    tile_asset,
)


@tile_asset(
    deps=[patches, reference_maps, s1s2_mapping, snow_and_cloud_lists],
    kinds={"parquet"},
    level="dataset",
    columns=columns.METADATA_TABLES,
)
def metadata_tables(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Labels, split, country, v1 and Sentinel-1 names of every grid cell."""
    from ben_assets.steps.metadata import make_metadata_table

    return materialize_tile(context, make_metadata_table, {"label histogram": "png"})


@tile_asset(
    deps=[patches, reference_maps, metadata_tables],
    kinds={"geotiff", "sentinel1", "sentinel2"},
    level="dataset",
)
def aligned_dataset(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """The tile's kept patches in the data set: S2, S1 and maps."""
    from ben_assets.steps.dataset import make_aligned_dataset

    return materialize_tile(context, make_aligned_dataset)


@tile_asset(deps=[aligned_dataset], kinds={"tar", "zstd"}, level="dataset")
def archives(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """The tile's part of the three release archives, as reproducible tar.zst."""
    from ben_assets.steps.dataset import make_archives

    return materialize_tile(context, make_archives)


@release_asset(
    deps=[metadata_tables, aligned_dataset],
    kinds={"parquet", "csv"},
    columns=columns.RELEASE_METADATA,
)
def release_metadata(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """The published metadata of all tiles in the data set: four CSV, two parquet.

    Tiles without alignment to v1 have a parquet file of their own.
    """
    from ben_assets.steps.release import make_release_metadata

    return materialize_release(context, make_release_metadata)


@release_asset(deps=[aligned_dataset, release_metadata], kinds={"tar", "zstd"})
def release_archives(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """BigEarthNet-S1, -S2 and Reference_Maps as tar.zst, the parquet files and sums."""
    from ben_assets.steps.release import make_release_archives

    return materialize_release(context, make_release_archives)


@release_asset(deps=[release_metadata, release_archives], kinds={"html"})
def release_report(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """One HTML page on the release: contents, labels, map, gallery, digests, sources.

    It needs no network and no script; open `report.html` in any browser.
    """
    from ben_assets.steps.report import make_release_report

    return materialize_release(context, make_release_report)
