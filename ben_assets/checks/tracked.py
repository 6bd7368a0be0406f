"""``matches_tracked_hash``: is every byte what was expected?"""

from typing import Final

import dagster as dg

from ben_assets.assets.l2a import l2a_tiles
from ben_assets.assets.patches import patches
from ben_assets.assets.reference_maps import reference_maps
from ben_assets.assets.release import aligned_dataset, archives, metadata_tables
from ben_assets.checks.check import where_on_disk
from ben_assets.partitions import tile_partitions
from ben_assets.validation.expected_hashes import Comparison, compare
from resources.data_root.store import Storage
from resources.settings import Settings


def matches_tracked_hash(asset: dg.AssetsDefinition) -> dg.AssetChecksDefinition:
    """The check that a tile's files equal ``tracked-artifacts/hashes/<asset>.csv``."""

    @dg.asset_check(
        asset=asset,
        partitions_def=tile_partitions,
        blocking=True,
        name="matches_tracked_hash",
        description="Number, size and SHA-256 of the tile's files equal the tracked "
        "ones; without a tracked hash it passes with a warning.",
    )
    @where_on_disk(asset)
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        settings = Settings()
        record = Storage(settings.data_dir).require(
            asset.key.path[-1], context.partition_key
        )
        result = compare(record, settings.tracked_artifacts)
        return dg.AssetCheckResult(
            passed=result.passed,
            severity=dg.AssetCheckSeverity.ERROR
            if result.expected
            else dg.AssetCheckSeverity.WARN,
            description=result.outcome,
            metadata={
                "comparison": _one_above_the_other(result),
                "what to do": "docs/checks.md, matches_tracked_hash",
            },
        )

    return check


def _one_above_the_other(result: Comparison) -> dg.TableMetadataValue:
    """Two digests side by side would not fit on the page."""
    rows = {"expected": result.expected, "found": result.found}
    return dg.MetadataValue.table(
        [
            dg.TableRecord({"": title, **values})
            for title, values in rows.items()
            if values is not None
        ]
    )


CHECKS: Final = [
    matches_tracked_hash(asset)
    for asset in (
        l2a_tiles,
        patches,
        reference_maps,
        metadata_tables,
        aligned_dataset,
        archives,
    )
]
