"""Rules that follow from a tile's recipe: value scale, countries, years."""

from __future__ import annotations

from typing import Final

from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.steps import l2a, patches, reference_maps
from ben_assets.steps.step_context import StepContext
from ben_assets.validation.result import RuleResult
from resources.data_root.facts import MapFacts, PatchFacts

MAX_YEARS: Final = 2
"""Years between land cover and sensing that need no word."""
MAX_OPEN: Final = 0.1
"""Share of a tile without land cover that needs no word."""


def value_scale_is_that_of_the_recipe(tile: Tile, ctx: StepContext) -> RuleResult:
    """Patches are in the recipe's scale, by the offsets of the product on disk."""
    found = ctx.storage.require(patches.ASSET, tile.key).facts_as(PatchFacts)
    scale = str(ctx.recipe(tile.alignment).value_scale)
    expected = found.model_copy(update={"value_scale": scale})
    upstream = ctx.storage.find(l2a.ASSET, tile.key)
    if upstream is not None:
        product = l2a.product_of(ctx, upstream).radiometry
        stated = {"baseline": product.baseline, "offsets": product.offsets}
        expected = expected.model_copy(update=stated)
    return RuleResult.none_of(
        [
            f"{name}: {getattr(found, name)}"
            for name in ("value_scale", "baseline", "offsets")
            if getattr(found, name) != getattr(expected, name)
        ],
        _describe(expected),
        _describe(found),
    )


def _describe(facts: PatchFacts) -> str:
    values = sorted(set(facts.offsets.values()))
    return f"{facts.value_scale}, baseline {facts.baseline}, offsets {values}"


def countries_are_near(tile: Tile, ctx: StepContext) -> RuleResult:
    """No patch of a user's own tile is farther than 20 km from its country.

    A warning only: the file of countries may lack a small one.
    """
    facts = ctx.storage.require(patches.ASSET, tile.key).facts_as(PatchFacts)
    if tile.alignment == "v1":
        nearest = "the nearest of the ten countries of BigEarthNet"
        return RuleResult(True, nearest, nearest)
    far = facts.far_from_country
    return RuleResult(
        passed=not far,
        expected="a country within 20 km of every patch",
        found=f"{far} of {facts.cells} patches are farther away: their country may "
        "be a wrong one; name another file of countries in the recipe"
        if far
        else f"{facts.cells} patches near a country",
        is_warning=bool(far),
    )


def land_cover_is_of_the_years_around(tile: Tile, ctx: StepContext) -> RuleResult:
    """Land cover and sensing lie at most two years apart; a warning only."""
    facts = ctx.storage.require(reference_maps.ASSET, tile.key).facts_as(MapFacts)
    cover, sensing = facts.land_cover_year, facts.sensing_year
    gap = abs(cover - sensing)
    return RuleResult(
        passed=gap <= MAX_YEARS,
        expected=f"at most {MAX_YEARS} years apart",
        found=f"land cover of {cover}, sensing in {sensing}",
        is_warning=gap > MAX_YEARS,
    )


def land_cover_covers_the_tile(tile: Tile, ctx: StepContext) -> RuleResult:
    """At most a tenth of an own tile is without land cover; a warning only."""
    facts = ctx.storage.require(reference_maps.ASSET, tile.key).facts_as(MapFacts)
    share = facts.pixels_without_polygon / facts.pixels
    is_much = share > MAX_OPEN and tile.alignment != "v1"
    found = f"{share:.1%} of the pixels have no land cover"
    if is_much:
        found += f", as of open sea; if it is land: ben doctor {tile.key}"
    return RuleResult(
        passed=not is_much,
        expected=f"at most {MAX_OPEN:.0%} of the pixels without land cover (999)",
        found=found,
        is_warning=is_much,
    )
