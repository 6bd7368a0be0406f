"""Checks of what must hold of patches, maps, tables, data set, archives and release."""

from typing import Final

from ben_assets.assets.l1c import l1c_hash_csv, tile_id_csv
from ben_assets.assets.patches import patches
from ben_assets.assets.reference_maps import reference_maps
from ben_assets.assets.release import (
    aligned_dataset,
    archives,
    metadata_tables,
    release_archives,
    release_metadata,
)
from ben_assets.checks.check import rule_check

_TILES: Final = [
    rule_check(
        patches,
        "patch_rules",
        "every_patch_has_its_bands",
        says="Exactly twelve files of each valid and aligned patch are on disk.",
    ),
    rule_check(
        patches,
        "patch_rules",
        "zone_has_v1_footprints",
        says="A tile to be aligned with v1 lies in a zone where v1 has footprints.",
    ),
    rule_check(
        patches,
        "patch_rules",
        "no_pixel_is_zero",
        says="No pixel of any exported patch is 0, which stands for no measurement.",
    ),
    rule_check(
        patches,
        "recipe_rules",
        "value_scale_is_that_of_the_recipe",
        says="Digital numbers are stored in the scale of the tile's recipe, with the "
        "offsets that its L2A product states.",
    ),
    rule_check(
        patches,
        "recipe_rules",
        "countries_are_near",
        says="The nearest country of each patch is at most 20 km away.",
    ),
    rule_check(
        reference_maps,
        "recipe_rules",
        "land_cover_is_of_the_years_around",
        says="Land cover and sensing lie at most two years apart.",
    ),
    rule_check(
        reference_maps,
        "table_rules",
        "codes_are_known",
        says="Only codes of the legend and 999 occur, and they fill every map of the "
        "tile.",
    ),
    rule_check(
        metadata_tables,
        "table_rules",
        "labels_are_known",
        says="Every label is one of the legend's, each once on a patch.",
    ),
    rule_check(
        metadata_tables,
        "table_rules",
        "labelled_patches_have_maps",
        says="Each patch with labels has a reference map.",
    ),
    rule_check(
        metadata_tables,
        "table_rules",
        "splits_follow_rule",
        says="Each patch is in one split, the one that its place in the tile gives.",
    ),
    rule_check(
        metadata_tables,
        "table_rules",
        "matching_patches_are_unique",
        says="No two kept patches of the tile share a matching Sentinel-1 or v1 patch.",
    ),
    rule_check(
        aligned_dataset,
        "dataset_rules",
        "same_patches_everywhere",
        says="The kept patches of the table are those of S2, S1 and maps, file for "
        "file.",
    ),
    rule_check(
        archives,
        "dataset_rules",
        "archives_hold_the_dataset",
        says="Each archive decompresses to just the tile's files, byte for byte.",
    ),
]

_RELEASE: Final = [
    rule_check(
        release_metadata,
        "release_rules",
        "names_are_unique",
        says="Patch ids, Sentinel-1 and v1 names occur once in all of the release.",
    ),
    *(
        rule_check(
            asset,
            "release_rules",
            "files_equal_published",
            asset.key.path[-1],
            says="Files, and tars inside archives, have the published digests; "
            "evaluated "
            "where all 125 tiles and no others are in it.",
        )
        for asset in (tile_id_csv, l1c_hash_csv, release_metadata, release_archives)
    ),
    rule_check(
        release_metadata,
        "release_rules",
        "hash_lists_equal_published",
        says="The hash lists of all patches and maps have the published digests; "
        "evaluated where all 125 tiles and no others are on disk.",
    ),
]

CHECKS: Final = [*_TILES, *_RELEASE]
"""All checks of this module."""
