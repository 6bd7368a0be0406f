"""Surface reflectance: the L2A product of each tile."""

from typing import TYPE_CHECKING, Final

import dagster as dg

from ben_assets.assets.rule_checks import matches_tracked_hash, rule
from ben_assets.assets.tile_asset import Redo, materialize_tile, tile_asset
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.validation.result import RuleResult
from resources.configured import (
    CdseResource,
    DataRootResource,
    L1CSourcesResource,
    Sen2CorResource,
)

if TYPE_CHECKING:
    from ben_assets.steps.step_context import StepContext

_TRIES_AFTER_A_KILL: Final = 1
_PAUSE_SECONDS: Final = 10


@tile_asset(kinds={"sentinel2", "jpeg2000"}, level="L2A", pool="sen2cor", memory_gib=8)
def l2a_tiles(
    context: dg.AssetExecutionContext,
    config: Redo,
    data_root: DataRootResource,
    sen2cor: Sen2CorResource,
    cdse: CdseResource,
    l1c_sources: L1CSourcesResource,
) -> dg.MaterializeResult:
    """One verified Sentinel-2 L2A product (`.SAFE`) of the tile.

    Imported from `BEN_L2A_DIR`, fetched from the sources where the tile's row names an
    L2A product, or made from the zip in `l1c_zips` by the processor
    that `BEN_L2A_PROCESSOR` names; what still verifies and fits the row is kept.
    """
    from ben_assets.steps.l2a import make_l2a_tile

    try:
        return materialize_tile(
            context, make_l2a_tile, data_root, sen2cor, cdse, l1c_sources, config=config
        )
    except dg.Failure as failure:
        # Not by RetryPolicy, which would also repeat an hour's work after a bug.
        if failure.allow_retries:
            raise dg.RetryRequested(
                _TRIES_AFTER_A_KILL, seconds_to_wait=_PAUSE_SECONDS
            ) from failure
        raise


@rule(l2a_tiles)
def has_expected_bands(tile: Tile, ctx: "StepContext") -> RuleResult:
    """All 12 bands are there in native resolution, of the right size, type and CRS.

    A tile of BigEarthNet v2 is 109.8 km a side; a user's own may be smaller.
    """
    from ben_assets.validation import l2a_rules

    return l2a_rules.has_expected_bands(tile, ctx)


@rule(l2a_tiles, is_blocking=False)
def start_time_is_of_name(tile: Tile, ctx: "StepContext") -> RuleResult:
    """PRODUCT_START_TIME is within 1 s of the sensing time in the product's name.

    The season, and so the alignment with BigEarthNet v1, follows from it.
    """
    from ben_assets.validation import l2a_rules

    return l2a_rules.start_time_is_of_name(tile, ctx)


@rule(l2a_tiles, is_blocking=False)
def quality_passed(tile: Tile, ctx: "StepContext") -> RuleResult:
    """ESA's general, geometric, radiometric and sensor quality checks passed.

    A warning only: the tile's patches and reference maps are exported all the same,
    but it gets no labels.
    """
    from ben_assets.validation import l2a_rules

    return l2a_rules.quality_passed(tile, ctx)


@rule(l2a_tiles, is_blocking=False)
def is_made_with_sen2cor_2_11(tile: Tile, ctx: "StepContext") -> RuleResult:
    """The product comes from sen2cor 2.11, as those of BigEarthNet v2 do.

    A warning only; whether the pixels are the published ones is seen by their hash.
    """
    from ben_assets.validation import l2a_rules

    return l2a_rules.is_made_with_sen2cor_2_11(tile, ctx)


ASSETS: Final = (l2a_tiles,)
"""All assets of this stage, in flow order."""

CHECKS: Final = (
    has_expected_bands,
    start_time_is_of_name,
    quality_passed,
    is_made_with_sen2cor_2_11,
    matches_tracked_hash(l2a_tiles),
)
