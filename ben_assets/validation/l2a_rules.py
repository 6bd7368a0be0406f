"""Rules for L2A products: bands, time, quality, and what they were made with."""

from __future__ import annotations

from ben_assets.bigearthnet.errors import BenError
from ben_assets.bigearthnet.patch_grid import require_full_size
from ben_assets.bigearthnet.product_names import ProductName
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.safe.band_rasters import verify_bands
from ben_assets.safe.l2a import read_l2a
from ben_assets.steps.l2a import ASSET, product_folder
from ben_assets.steps.step_context import StepContext
from ben_assets.validation.result import RuleResult
from resources.data_root.facts import L2aFacts
from resources.data_root.store import StoredRecord
from resources.sen2cor.installation import processor_mismatch

_LARGEST_DIFFERENCE_SECONDS = 1


def has_expected_bands(tile: Tile, ctx: StepContext) -> RuleResult:
    """Size, type and CRS of the 12 bands, read from their files."""
    record = ctx.storage.require(ASSET, tile.key)
    problem = None
    try:
        product = read_l2a(product_folder(ctx, record))
        if tile.is_published:
            require_full_size(product.geocoding, product.path.name)
        verify_bands(product)
    except BenError as error:
        problem = str(error)
    return RuleResult(
        problem is None,
        "12 bands in native resolution",
        problem or "12 bands in native resolution",
        details={"side in metres": record.facts_as(L2aFacts).side_m},
    )


def start_time_is_of_name(tile: Tile, ctx: StepContext) -> RuleResult:
    """PRODUCT_START_TIME beside the sensing time in the product's name."""
    record = ctx.storage.require(ASSET, tile.key)
    seconds = start_time_difference(record)
    return RuleResult(
        abs(seconds) <= _LARGEST_DIFFERENCE_SECONDS,
        tile.product.sensing_time.isoformat(),
        record.facts_as(L2aFacts).start_time,
        details={"difference in seconds": seconds},
    )


def start_time_difference(record: StoredRecord) -> float:
    """Seconds from the sensing time in the product's name to its PRODUCT_START_TIME."""
    facts = record.facts_as(L2aFacts)
    name = ProductName.parse(facts.product)
    return (facts.started - name.sensing_time).total_seconds()


def quality_passed(tile: Tile, ctx: StepContext) -> RuleResult:
    """ESA's own quality checks, as the product's metadata state them."""
    facts = ctx.storage.require(ASSET, tile.key).facts_as(L2aFacts)
    failed = facts.failed_quality_checks
    stated = ", ".join(f"{name} is {result}" for name, result in failed.items())
    sentence = (
        f"{stated}: patches and reference maps of this tile are exported, "
        "labels are not"
        if failed
        else None
    )
    found = stated or "PASSED"
    details = {"quality": facts.quality}
    return RuleResult(not failed, "PASSED", found, (), bool(failed), sentence, details)


def is_made_with_sen2cor_2_11(tile: Tile, ctx: StepContext) -> RuleResult:
    """Processor and version of the product."""
    facts = ctx.storage.require(ASSET, tile.key).facts_as(L2aFacts)
    difference = processor_mismatch(facts.processor, facts.version)
    expected, found = "sen2cor 2.11", f"{facts.processor} {facts.version}"
    if tile.starts_at_l2a:  # as its user wants it
        expected, difference = f"what the tile's row names: {tile.name}", None
        found = facts.product
    return RuleResult(
        difference is None,
        expected,
        found,
        (),
        difference is not None,
        difference,
        {"warnings": list(facts.warnings)},
    )
