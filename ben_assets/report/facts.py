"""What the report says, as values: the template sees these and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ben_assets.bigearthnet.patch_grid import TileGeocoding

OTHER_FILE: Final = "another file than pinned"
"""Verdict on an input that has the name, but not the digest, of a pinned one."""


@dataclass(frozen=True)
class TileFacts:
    """One tile of the release."""

    key: str
    """Tile key."""
    tile_id: str
    """What its patch ids start with."""
    mgrs: str
    """MGRS tile id."""
    day: str
    """Sensing day, ``YYYY-MM-DD``."""
    geocoding: TileGeocoding
    """Where it lies."""
    alignment: str
    """``v1`` or ``none``."""
    cells: int
    """Cells of its patch grid."""
    patches: int
    """Patches in the release."""
    bytes: int
    """Size of its files in the data set."""
    sha256: str
    """Digest of its hash list in the data set."""


@dataclass(frozen=True)
class FileFacts:
    """One file of the release, or the tar inside one."""

    name: str
    """File name."""
    bytes: int
    """Size."""
    members: int | None
    """Files in an archive."""
    md5: str
    """MD5, hex: what was published of most files."""
    sha256: str
    """SHA-256, hex."""
    published: str | None
    """Published digest, MD5 or SHA-256, or None where there is none."""

    @property
    def is_equal(self) -> bool:
        """Whether the file is the published one."""
        return self.published in (self.md5, self.sha256)


@dataclass(frozen=True)
class CountryRow:
    """Patches of a country in each split."""

    country: str
    """Name."""
    by_split: Mapping[str, int]
    """Split to its number of patches."""

    @property
    def total(self) -> int:
        """Patches in all splits."""
        return sum(self.by_split.values())


@dataclass(frozen=True)
class LabelRow:
    """How often a label occurs."""

    label: str
    """One of the legend's labels."""
    count: int
    """Patches that have it."""
    share: float
    """Part of all patches, 0 to 1."""
    width: float
    """Length of its bar, 0 to 1: 1 for the commonest label."""


@dataclass(frozen=True)
class CoverRow:
    """A land cover class of a reference map."""

    name: str
    """Official name."""
    colour: str
    """Official colour, ``#rrggbb``."""
    share: float
    """Part of the map, 0 to 1."""


@dataclass(frozen=True)
class GalleryPatch:
    """A patch to look at."""

    patch_id: str
    """Patch id."""
    split: str
    """Its split."""
    country: str
    """Its country."""
    labels: Sequence[str]
    """Its labels."""
    true_colour: str
    """Picture as a ``data:`` URI."""
    reference_map: str
    """Picture as a ``data:`` URI."""
    cover: Sequence[CoverRow]
    """What the map shows, largest part first."""


@dataclass(frozen=True)
class InputFacts:
    """An input that the release was made from."""

    name: str
    """File name."""
    sha256: str
    """Digest of the file that was used."""
    tiles: int
    """Tiles that were made with it."""
    outcome: str
    """How it compares with the pinned file."""


@dataclass(frozen=True)
class ReleaseFacts:
    """All that the report says."""

    tiles: Sequence[TileFacts]
    """Tiles, in order of their keys."""
    files: Sequence[FileFacts]
    """Files of the release."""
    countries: Sequence[CountryRow]
    """Patches by country and split."""
    splits: Sequence[str]
    """Names of the splits."""
    labels: Sequence[LabelRow]
    """Label distribution."""
    unclear: int
    """Patches with seasonal snow, cloud or cloud shadow."""
    gallery: Sequence[GalleryPatch]
    """Patches to look at."""
    map_caption: str
    """What the map shows besides the tiles."""
    tile_map: str
    """Map of the tiles, an SVG element."""
    processor: str
    """L2A processor."""
    processor_versions: Sequence[str]
    """Its versions, as far as the products say."""
    recipe: str
    """Name of the recipe."""
    recipe_sha256: str
    """Its digest."""
    value_scale: str
    """How digital numbers are stored."""
    baselines: Sequence[str]
    """Processing baselines of the L2A products."""
    land_cover: str
    """Land cover with its year."""
    versions: Mapping[str, Mapping[str, str]]
    """Asset to the versions that decide its bytes."""
    inputs: Sequence[InputFacts]
    """Inputs with their digests."""
    is_published_scope: bool
    """Whether it is made of the very tiles that the published release is made of."""
    published_tiles: int
    """Number of those tiles."""

    @property
    def patches(self) -> int:
        """Patches in the release."""
        return sum(tile.patches for tile in self.tiles)

    @property
    def bytes(self) -> int:
        """Size of the files of the release."""
        return sum(file.bytes for file in self.files if not file.name.endswith(".tar"))

    @property
    def other_inputs(self) -> int:
        """Inputs that are another file than pinned."""
        return sum(one.outcome == OTHER_FILE for one in self.inputs)

    @property
    def days(self) -> tuple[str, str]:
        """First and last sensing day."""
        return min(t.day for t in self.tiles), max(t.day for t in self.tiles)
