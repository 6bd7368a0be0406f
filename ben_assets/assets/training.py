"""What those who train on a release need: databases, index, shards and statistics."""

from typing import TYPE_CHECKING, Final

import dagster as dg

from ben_assets.assets.rule_checks import matches_tracked_hash, rule
from ben_assets.assets.tile_asset import (
    materialize_release,
    materialize_tile,
    release_asset,
    tile_asset,
)
from ben_assets.bigearthnet import table_columns
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.validation.result import RuleResult
from resources.configured import DataRootResource, ReferenceInputsResource

if TYPE_CHECKING:
    from ben_assets.steps.step_context import StepContext


@tile_asset(kinds={"lmdb", "safetensors"}, level="dataset")
def training_lmdb(
    context: dg.AssetExecutionContext,
    data_root: DataRootResource,
    reference_inputs: ReferenceInputsResource,
) -> dg.MaterializeResult:
    """The tile's retained patches as tensors by key: an LMDB as rico-hdl writes it."""
    from ben_assets.steps.training import make_training_lmdb

    return materialize_tile(context, make_training_lmdb, data_root, reference_inputs)


@release_asset(kinds={"geoparquet"}, columns=table_columns.RELEASE_INDEX)
def release_index(
    context: dg.AssetExecutionContext,
    data_root: DataRootResource,
    reference_inputs: ReferenceInputsResource,
) -> dg.MaterializeResult:
    """One row a patch of the release, with place, time, labels and land cover."""
    from ben_assets.steps.release_index import make_release_index

    return materialize_release(context, make_release_index, data_root, reference_inputs)


@release_asset(kinds={"lmdb", "safetensors"})
def release_lmdb(
    context: dg.AssetExecutionContext, data_root: DataRootResource
) -> dg.MaterializeResult:
    """The databases of all tiles in one, merged by copying."""
    from ben_assets.steps.training import make_release_lmdb

    return materialize_release(context, make_release_lmdb, data_root)


@release_asset(kinds={"tar", "safetensors"})
def release_shards(
    context: dg.AssetExecutionContext,
    data_root: DataRootResource,
    reference_inputs: ReferenceInputsResource,
) -> dg.MaterializeResult:
    """Samples of all tiles, mixed, as WebDataset tars of about 1 GB for each split."""
    from ben_assets.steps.shards import make_release_shards

    return materialize_release(
        context, make_release_shards, data_root, reference_inputs
    )


@release_asset(kinds={"json", "numpy"})
def release_statistics(
    context: dg.AssetExecutionContext,
    data_root: DataRootResource,
    reference_inputs: ReferenceInputsResource,
) -> dg.MaterializeResult:
    """Mean, deviation, extremes, percentiles of each band and split; label counts."""
    from ben_assets.steps.statistics import make_release_statistics

    return materialize_release(
        context, make_release_statistics, data_root, reference_inputs
    )


@release_asset(kinds={"markdown", "croissant"})
def release_card(
    context: dg.AssetExecutionContext,
    data_root: DataRootResource,
    reference_inputs: ReferenceInputsResource,
) -> dg.MaterializeResult:
    """What a release needs to be published: data card, licences, manifest and more."""
    from ben_assets.steps.card import make_release_card

    return materialize_release(context, make_release_card, data_root, reference_inputs)


@rule(training_lmdb)
def database_holds_the_dataset(tile: Tile, ctx: "StepContext") -> RuleResult:
    """The database has the keys of the tile's files, each with its expected value."""
    from ben_assets.validation import training_rules

    return training_rules.database_holds_the_dataset(tile, ctx)


@rule(release_index)
def index_agrees_with_tables(ctx: "StepContext") -> RuleResult:
    """The index has the rows of the release metadata in the columns of both."""
    from ben_assets.validation import training_rules

    return training_rules.index_agrees_with_tables(ctx)


@rule(release_lmdb)
def merged_database_holds_all_tiles(ctx: "StepContext") -> RuleResult:
    """The merged database has the keys and values of all tiles' databases."""
    from ben_assets.validation import training_rules

    return training_rules.merged_database_holds_all_tiles(ctx)


@rule(release_shards)
def shards_hold_every_patch_once(ctx: "StepContext") -> RuleResult:
    """Every patch of the index is one whole sample, in the shards of its part."""
    from ben_assets.validation import training_rules

    return training_rules.shards_hold_every_patch_once(ctx)


@rule(release_statistics)
def statistics_count_every_pixel(ctx: "StepContext") -> RuleResult:
    """Each band of each part has as many pixels as the part's patches hold."""
    from ben_assets.validation import training_rules

    return training_rules.statistics_count_every_pixel(ctx)


@rule(release_card)
def manifest_lists_the_dataset(ctx: "StepContext") -> RuleResult:
    """The manifest lists the files of all tiles with their digests, and the tables."""
    from ben_assets.validation import training_rules

    return training_rules.manifest_lists_the_dataset(ctx)


ASSETS: Final = (
    training_lmdb,
    release_index,
    release_lmdb,
    release_shards,
    release_statistics,
    release_card,
)
"""All assets of this stage, in flow order."""

CHECKS: Final = (
    database_holds_the_dataset,
    index_agrees_with_tables,
    merged_database_holds_all_tiles,
    shards_hold_every_patch_once,
    statistics_count_every_pixel,
    manifest_lists_the_dataset,
    *(matches_tracked_hash(asset) for asset in ASSETS),
)
