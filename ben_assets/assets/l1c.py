"""Top-of-atmosphere reflectance: the L1C product of each tile, found and fetched."""

from typing import TYPE_CHECKING, Final

import dagster as dg

from ben_assets.assets.rule_checks import (
    files_equal_published,
    matches_tracked_hash,
    rule,
)
from ben_assets.assets.tile_asset import (
    Redo,
    materialize_release,
    materialize_tile,
    release_asset,
    tile_asset,
)
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.failures import as_dagster_failure
from ben_assets.partitions import ALL_START_AT_L2A, TILES
from ben_assets.validation.result import RuleResult
from resources.configured import (
    CdseResource,
    DataRootResource,
    L1CSourcesResource,
)

if TYPE_CHECKING:
    from ben_assets.steps.step_context import StepContext


@tile_asset(kinds={"sentinel2", "json"}, level="L1C", pool="cdse")
def tile_ids(
    context: dg.AssetExecutionContext,
    data_root: DataRootResource,
    cdse: CdseResource,
    l1c_sources: L1CSourcesResource,
) -> dg.MaterializeResult:
    """Id, size and checksums of the tile's product, and which source has it.

    Says since when and why it is gone from the Copernicus Data Space, and what replaced
    it there. Fails only where no source has the exact product.
    """
    from ben_assets.steps.l1c import make_tile_id, require_l1c_start

    # else it would fail at its second step
    if context.run.job_name == "tile" and not ALL_START_AT_L2A:
        with as_dagster_failure():
            require_l1c_start(TILES[context.partition_key])
    return materialize_tile(context, make_tile_id, data_root, cdse, l1c_sources)


@tile_asset(kinds={"sentinel2", "zip"}, level="L1C", pool="cdse")
def l1c_zips(
    context: dg.AssetExecutionContext,
    config: Redo,
    data_root: DataRootResource,
    cdse: CdseResource,
    l1c_sources: L1CSourcesResource,
) -> dg.MaterializeResult:
    """One Sentinel-2 L1C product as a zip whose every byte is accounted for.

    Downloaded from the first source that has it whole, or imported from `BEN_L1C_DIR`;
    a zip of the row's product that still verifies is kept.
    """
    from ben_assets.steps.l1c import make_l1c_zip

    return materialize_tile(
        context, make_l1c_zip, data_root, cdse, l1c_sources, config=config
    )


@release_asset(kinds={"csv"})
def tile_id_csv(
    context: dg.AssetExecutionContext, data_root: DataRootResource
) -> dg.MaterializeResult:
    """The original's table of product names and CDSE ids, over all tiles found."""
    from ben_assets.steps.l1c import make_tile_id_csv

    return materialize_release(context, make_tile_id_csv, data_root)


@release_asset(kinds={"csv"})
def l1c_hash_csv(
    context: dg.AssetExecutionContext, data_root: DataRootResource
) -> dg.MaterializeResult:
    """The original's table of L1C zip hashes, over all zips that CDSE packed."""
    from ben_assets.steps.l1c import make_l1c_hash_csv

    return materialize_release(context, make_l1c_hash_csv, data_root)


@rule(tile_ids, is_blocking=False)
def id_is_tracked(tile: Tile, ctx: "StepContext") -> RuleResult:
    """The catalogue's id equals the one that the published data set was made from.

    A warning only: an archive that takes a product in anew gives it a new id; whether
    the data are the same is seen in the zip.
    """
    from ben_assets.validation import l1c_rules

    return l1c_rules.id_is_tracked(tile, ctx)


@rule(l1c_zips)
def zip_is_tracked(tile: Tile, ctx: "StepContext") -> RuleResult:
    """The zip equals the tracked one, or at least every image in it is verified.

    Another zip whose images its manifest verifies is a warning: services add previews
    and pack anew, and files of a bucket are packed here, which cannot give the tracked
    zip. Images without proof, or files unlike the tracked ones, stop the tile.
    """
    from ben_assets.validation import l1c_rules

    return l1c_rules.zip_is_tracked(tile, ctx)


@rule(l1c_zips, is_blocking=False)
def catalogue_is_current(tile: Tile, ctx: "StepContext") -> RuleResult:
    """Length and checksums of the catalogue hold for the zip that it delivers.

    Where they do not, the same bytes came twice and every file of the product is
    verified: the catalogue is stale, or the zip is packed anew. A warning that lists
    what is new.
    """
    from ben_assets.validation import l1c_rules

    return l1c_rules.catalogue_is_current(tile, ctx)


ASSETS: Final = (tile_ids, l1c_zips, tile_id_csv, l1c_hash_csv)
"""All assets of this stage, in flow order."""

CHECKS: Final = (
    id_is_tracked,
    zip_is_tracked,
    catalogue_is_current,
    files_equal_published(tile_id_csv),
    files_equal_published(l1c_hash_csv),
    matches_tracked_hash(tile_id_csv),  # not of l1c_hash_csv: a tile can come
    # from a bucket, whose files are packed here; zip_is_tracked holds the content
)
