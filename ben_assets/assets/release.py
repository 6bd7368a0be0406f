"""From tiles to the published data set."""

from typing import TYPE_CHECKING, Final

import dagster as dg

from ben_assets.assets.rule_checks import (
    files_equal_published,
    matches_tracked_hash,
    rule,
)
from ben_assets.assets.tile_asset import (
    materialize_release,
    materialize_tile,
    release_asset,
    tile_asset,
)
from ben_assets.bigearthnet import table_columns
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.validation.result import RuleResult
from resources.configured import (
    DataRootResource,
    ReferenceInputsResource,
    TrackedArtifactsResource,
)

if TYPE_CHECKING:
    from ben_assets.steps.step_context import StepContext


@tile_asset(kinds={"parquet"}, level="dataset", columns=table_columns.METADATA_TABLES)
def metadata_tables(
    context: dg.AssetExecutionContext,
    data_root: DataRootResource,
    reference_inputs: ReferenceInputsResource,
) -> dg.MaterializeResult:
    """Labels, split, country, v1 and Sentinel-1 names of every grid cell."""
    from ben_assets.steps.metadata import make_metadata_table

    return materialize_tile(
        context,
        make_metadata_table,
        data_root,
        reference_inputs,
        pictures={"label histogram": "png"},
    )


@tile_asset(kinds={"geotiff"}, level="dataset")
def aligned_dataset(
    context: dg.AssetExecutionContext,
    data_root: DataRootResource,
    reference_inputs: ReferenceInputsResource,
) -> dg.MaterializeResult:
    """The tile's retained patches in the data set: S2, S1 and maps."""
    from ben_assets.steps.dataset import make_aligned_dataset

    return materialize_tile(context, make_aligned_dataset, data_root, reference_inputs)


@tile_asset(kinds={"tar", "zstd"}, level="dataset")
def archives(
    context: dg.AssetExecutionContext,
    data_root: DataRootResource,
    reference_inputs: ReferenceInputsResource,
) -> dg.MaterializeResult:
    """The tile's part of the three release archives, as reproducible tar.zst."""
    from ben_assets.steps.archives import make_archives

    return materialize_tile(context, make_archives, data_root, reference_inputs)


@release_asset(kinds={"parquet", "csv"}, columns=table_columns.PUBLISHED)
def release_metadata(
    context: dg.AssetExecutionContext,
    data_root: DataRootResource,
    reference_inputs: ReferenceInputsResource,
) -> dg.MaterializeResult:
    """The published metadata of all tiles in the data set: four CSV, two parquet.

    Tiles without alignment to v1 have a parquet file of their own.
    """
    from ben_assets.steps.release import make_release_metadata

    return materialize_release(
        context, make_release_metadata, data_root, reference_inputs
    )


@release_asset(kinds={"tar", "zstd"})
def release_archives(
    context: dg.AssetExecutionContext,
    data_root: DataRootResource,
    reference_inputs: ReferenceInputsResource,
) -> dg.MaterializeResult:
    """BigEarthNet-S1, -S2 and Reference_Maps as tar.zst, the parquet files and sums."""
    from ben_assets.steps.release import make_release_archives

    return materialize_release(
        context, make_release_archives, data_root, reference_inputs
    )


@release_asset(kinds={"html"})
def release_report(
    context: dg.AssetExecutionContext,
    data_root: DataRootResource,
    reference_inputs: ReferenceInputsResource,
    tracked_artifacts: TrackedArtifactsResource,
) -> dg.MaterializeResult:
    """One HTML page on the release: contents, labels, map, gallery, digests, sources.

    It needs no network and no script; open `report.html` in any browser.
    """
    from ben_assets.steps.report import make_release_report

    return materialize_release(
        context, make_release_report, data_root, reference_inputs, tracked_artifacts
    )


@rule(metadata_tables)
def labels_are_known(tile: Tile, ctx: "StepContext") -> RuleResult:
    """Every label is one of the legend's; each is on a patch once, in order."""
    from ben_assets.validation import dataset_rules

    return dataset_rules.labels_are_known(tile, ctx)


@rule(metadata_tables)
def labelled_patches_have_maps(tile: Tile, ctx: "StepContext") -> RuleResult:
    """Each patch with labels has a reference map."""
    from ben_assets.validation import dataset_rules

    return dataset_rules.labelled_patches_have_maps(tile, ctx)


@rule(metadata_tables)
def splits_follow_rule(tile: Tile, ctx: "StepContext") -> RuleResult:
    """Each patch is in one split, the one that its place in the tile gives."""
    from ben_assets.validation import dataset_rules

    return dataset_rules.splits_follow_rule(tile, ctx)


@rule(metadata_tables)
def matching_patches_are_unique(tile: Tile, ctx: "StepContext") -> RuleResult:
    """No two retained patches share a v1 or S1 patch; aligned ones have both."""
    from ben_assets.validation import dataset_rules

    return dataset_rules.matching_patches_are_unique(tile, ctx)


@rule(aligned_dataset)
def same_patches_everywhere(tile: Tile, ctx: "StepContext") -> RuleResult:
    """The retained patches of the table are those of S2, S1 and maps, file by file."""
    from ben_assets.validation import dataset_rules

    return dataset_rules.same_patches_everywhere(tile, ctx)


@rule(archives)
def archives_hold_the_dataset(tile: Tile, ctx: "StepContext") -> RuleResult:
    """Each archive decompresses to just the tile's files, byte for byte, in order."""
    from ben_assets.validation import dataset_rules

    return dataset_rules.archives_hold_the_dataset(tile, ctx)


@rule(release_metadata)
def names_are_unique(ctx: "StepContext") -> RuleResult:
    """Patch ids, Sentinel-1 and v1 names occur once in all of the release."""
    from ben_assets.validation import release_rules

    return release_rules.names_are_unique(ctx)


@rule(release_metadata)
def hash_lists_equal_published(ctx: "StepContext") -> RuleResult:
    """The hash lists of all patches and maps have the published digests.

    Evaluated where all 125 tiles and no others are on disk.
    """
    from ben_assets.validation import release_rules

    return release_rules.hash_lists_equal_published(ctx)


ASSETS: Final = (
    metadata_tables,
    aligned_dataset,
    archives,
    release_metadata,
    release_archives,
    release_report,
)
"""All assets of this stage, in flow order."""

CHECKS: Final = (
    labels_are_known,
    labelled_patches_have_maps,
    splits_follow_rule,
    matching_patches_are_unique,
    same_patches_everywhere,
    archives_hold_the_dataset,
    names_are_unique,
    hash_lists_equal_published,
    files_equal_published(release_metadata),
    files_equal_published(release_archives),
    *(matches_tracked_hash(asset) for asset in ASSETS if asset is not release_report),
)
