"""The flow: which asset is made from which, declared once, in flow order.

From here come lineage in Dagster, the locks that a step takes on what it reads, what a
record may say it was made from, and what makes it stale. It loads nothing heavy: the
graph needs it, and not what records hold (``facts``).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from resources.inputs.pins import FILES_OF_INPUT

TILE_ASSETS: Final = (
    "tile_ids",
    "l1c_zips",
    "l2a_tiles",
    "patches",
    "reference_maps",
    "metadata_tables",
    "aligned_dataset",
    "archives",
    "training_lmdb",
)
"""Assets with one record per tile, in flow order."""
RELEASE_ASSETS: Final = (
    "tile_id_csv",
    "l1c_hash_csv",
    "release_metadata",
    "release_archives",
    "release_report",
    "release_index",
    "release_lmdb",
    "release_shards",
    "release_statistics",
    "release_card",
)
"""Assets with one record for all tiles, in flow order."""
RELEASE: Final = "release"
"""Stands in for the tile key in the record of an asset without partitions."""
SUBSETS: Final = "subsets"
"""Directory of the subsets of a release."""

UPSTREAM: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        **dict.fromkeys(FILES_OF_INPUT, ()),
        "tile_ids": (),
        "l1c_zips": ("tile_ids",),
        "tile_id_csv": ("tile_ids",),
        "l1c_hash_csv": ("l1c_zips",),
        # where a row names an L2A product, the step makes ``tile_ids`` itself
        "l2a_tiles": ("l1c_zips",),
        "patches": ("l2a_tiles", "countries", "v1_footprints"),
        "reference_maps": ("patches", "corine_land_cover"),
        "metadata_tables": (
            "patches",
            "reference_maps",
            "s1s2_mapping",
            "snow_and_cloud_lists",
        ),
        "aligned_dataset": ("patches", "reference_maps", "metadata_tables"),
        "archives": ("aligned_dataset",),
        "release_metadata": ("metadata_tables", "aligned_dataset"),
        "release_archives": ("aligned_dataset", "archives", "release_metadata"),
        "release_report": (
            "countries",
            "l2a_tiles",
            "patches",
            "reference_maps",
            "metadata_tables",
            "aligned_dataset",
            "release_metadata",
            "release_archives",
        ),
        "training_lmdb": ("aligned_dataset",),
        "release_index": (
            "patches",
            "reference_maps",
            "metadata_tables",
            "aligned_dataset",
        ),
        "release_lmdb": ("aligned_dataset", "training_lmdb"),
        "release_shards": ("aligned_dataset", "training_lmdb", "release_index"),
        "release_statistics": ("aligned_dataset", "training_lmdb", "release_index"),
        "release_card": ("aligned_dataset", "release_metadata", "release_index"),
        "postgis_clc2018": ("corine_land_cover",),
        "postgis_v1_footprints": ("v1_footprints",),
        "postgis_countries": ("countries",),
        "postgis_patches": ("patches", "reference_maps", "metadata_tables"),
    }
)
"""Asset key to the keys of the assets that its step reads."""


def upstream_of(
    asset: str, *, clc_from_postgis: bool = False, has_l1c: bool = True
) -> tuple[str, ...]:
    """What an asset is made from.

    Args:
        asset: asset key.
        clc_from_postgis: whether ``BEN_CLC_PATH`` is ``postgis``: reference maps are
            then made from the polygons that ``postgis_clc2018`` loaded.
        has_l1c: whether any tile starts at an L1C product; L2A products are imported
            where none does.
    """
    upstream = UPSTREAM[asset]
    if not has_l1c and asset == "l2a_tiles":
        return tuple(name for name in upstream if name != "l1c_zips")
    if clc_from_postgis and asset == "reference_maps":
        named = {"corine_land_cover": "postgis_clc2018"}
        return tuple(named.get(name, name) for name in upstream)
    return upstream


def tiles_read_by(asset: str) -> tuple[str, ...]:
    """What the step of a tile reads of the same tile, in flow order."""
    return tuple(name for name in UPSTREAM[asset] if name in TILE_ASSETS)


def tiles_of(asset: str) -> str | None:
    """The asset whose tiles a release asset names in its record; None of any other."""
    if asset not in RELEASE_ASSETS:
        return None
    of_tiles = [name for name in UPSTREAM[asset] if name in TILE_ASSETS]
    return "aligned_dataset" if "aligned_dataset" in of_tiles else of_tiles[0]


def is_of_release(asset: str) -> bool:
    """Whether the one record of an asset, or of a subset, is of all tiles."""
    return asset in RELEASE_ASSETS or asset.startswith(f"{SUBSETS}/")
