"""``matches_tracked_hash``: is every byte what was expected?"""

from typing import Final

import dagster as dg

from ben_assets.assets.l1c import l1c_hash_csv, tile_id_csv
from ben_assets.assets.l2a import l2a_tiles
from ben_assets.assets.patches import patches
from ben_assets.assets.reference_maps import reference_maps
from ben_assets.assets.release import (
    aligned_dataset,
    archives,
    metadata_tables,
    release_archives,
    release_metadata,
)
from ben_assets.checks.check import where_on_disk
from ben_assets.validation.expected_hashes import Comparison, compare
from resources.data_root.store import RELEASE, Storage
from resources.settings import Settings


def matches_tracked_hash(asset: dg.AssetsDefinition) -> dg.AssetChecksDefinition:
    """The check that files equal ``tracked-artifacts/hashes/<asset>.csv``."""

    @dg.asset_check(
        asset=asset,
        partitions_def=asset.partitions_def,
        blocking=True,
        name="matches_tracked_hash",
        description="Number, size and SHA-256 of the files equal the tracked ones "
        "of the tile, or the release; without a tracked hash it passes with a warning.",
    )
    @where_on_disk(asset)
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        settings = Settings()
        tile = context.partition_key if asset.partitions_def else RELEASE
        record = Storage(settings.data_dir).require(asset.key.path[-1], tile)
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
        tile_id_csv,
        l1c_hash_csv,
        release_metadata,
        release_archives,
    )
]
