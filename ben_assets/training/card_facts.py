"""What the data card and its descriptions for programs say of one release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ben_assets.bigearthnet.legend import Legend
from ben_assets.bigearthnet.outside_text import escaped
from ben_assets.bigearthnet.recipe import Recipe
from ben_assets.training.shards import PARTS


@dataclass(frozen=True)
class Extent:
    """Where and when the patches of a release are."""

    box: tuple[float, float, float, float]
    """West, south, east and north in degrees."""
    first: str
    """Date of the first acquisition, ISO 8601."""
    last: str
    """Date of the last one."""


@dataclass(frozen=True)
class CardFacts:
    """What a card says of one release."""

    patches: Mapping[str, int]
    """Part of the release to its number of patches."""
    tiles: int
    """Number of tiles."""
    own_patches: int
    """Patches without a matching Sentinel-1 and v1 patch."""
    files: int
    """Files of the data set: images, maps and tables."""
    bytes: int
    """Their size together."""
    processor: str
    """L2A processor."""
    value_scale: str
    """Scale of the digital numbers."""
    recipe: Recipe
    """Recipe of the maps and labels."""
    index_sha256: str
    """SHA-256 of the index."""
    extent: Extent | None
    """None for a release without patches."""

    @property
    def legend(self) -> Legend:
        """What the codes of the maps mean."""
        return self.recipe.land_cover.legend

    @property
    def land_cover(self) -> str:
        """What the maps are made from, with its year."""
        land_cover = self.recipe.land_cover
        if land_cover.is_corine:
            return f"CORINE Land Cover {land_cover.year}"
        return (
            f"land cover {land_cover.year} (legend {escaped(land_cover.legend.name)})"
        )

    @property
    def total(self) -> int:
        """Number of patches."""
        return sum(self.patches.values())

    @property
    def parts(self) -> list[str]:
        """Parts of the release that have patches, in order."""
        return [part for part in PARTS if self.patches.get(part)]
