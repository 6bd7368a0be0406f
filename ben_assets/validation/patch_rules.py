"""Rules for the GeoTIFFs of patches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ben_assets.bigearthnet.bands import BANDS, NODATA
from ben_assets.bigearthnet.errors import UnexpectedRaster
from ben_assets.bigearthnet.geotiff_reading import GeotiffReader
from ben_assets.bigearthnet.numerals import counted
from ben_assets.bigearthnet.plain_files import read_plain
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.steps.patches import ASSET
from ben_assets.steps.step_context import (
    StepContext,
    exported_cells,
    read_table,
)
from ben_assets.validation.result import RuleResult
from resources.data_root.bulk_hashing import map_files
from resources.data_root.facts import PatchFacts
from resources.data_root.files import files_below
from resources.inputs.pins import V1_ZONES

_SIDE_OF_BAND: Final = {band.name: band.patch_pixels for band in BANDS}


def every_patch_has_its_bands(tile: Tile, ctx: StepContext) -> RuleResult:
    """Exactly twelve files of each valid and aligned patch are on disk."""
    cells = exported_cells(read_table(ctx, ASSET, tile), tile)
    expected = {f"{patch}_{band.name}" for patch in cells["patch_id"] for band in BANDS}
    found = {_name_of(path) for path in _patch_files(tile, ctx)}
    return RuleResult.none_of(
        expected ^ found,
        f"{len(cells)} patches, {len(expected)} files",
        f"{len(found)} files",
    )


def zone_has_v1_footprints(tile: Tile, ctx: StepContext) -> RuleResult:
    """A tile to be aligned with v1 lies in one of the seven zones where v1 has any."""
    epsg = ctx.storage.require(ASSET, tile.key).facts_as(PatchFacts).epsg
    expected = f"EPSG {', '.join(map(str, V1_ZONES))}, or alignment none"
    if tile.alignment == "none" or epsg in V1_ZONES:
        return RuleResult(True, expected, f"EPSG {epsg}, alignment {tile.alignment}")
    found = f"EPSG {epsg} has no v1 footprints: nothing aligns, no patch is exported"
    return RuleResult(False, expected, found, is_warning=True)


def no_patch_is_lost_to_dark_pixels(tile: Tile, ctx: StepContext) -> RuleResult:
    """No patch is invalid for zeros in some bands alone, inside the swath."""
    facts = ctx.storage.require(ASSET, tile.key).facts_as(PatchFacts)
    bands = ", ".join(f"{name}: {n}" for name, n in facts.dark_bands.items())
    lost = counted(facts.dark_cells, "patch", "patches")
    found = f"{lost} lost; by band: {bands or 'none'}"
    passed = facts.dark_cells == 0
    return RuleResult(passed, "none lost to dark pixels", found, is_warning=not passed)


def no_pixel_is_zero(tile: Tile, ctx: StepContext) -> RuleResult:
    """No pixel of any exported patch is 0, which stands for no measurement."""
    paths, reader = _patch_files(tile, ctx), GeotiffReader()
    is_clean = map_files(lambda path: has_no_zero(path, reader), paths)
    return RuleResult.none_of(
        {_name_of(p) for p, good in zip(paths, is_clean, strict=True) if not good},
        "no pixel of value 0",
        f"{len(paths)} files, every pixel read",
    )


def has_no_zero(path: str, reader: GeotiffReader) -> bool:
    """Whether a patch's GeoTIFF is whole and no pixel of it is 0.

    Args:
        path: the GeoTIFF, named by its patch and band.
        reader: of the tile's files.
    """
    side = _SIDE_OF_BAND.get(_name_of(path).rpartition("_")[2])
    try:
        pixels = reader.read(read_plain(path)).pixels
    except (OSError, UnexpectedRaster):
        return False
    return pixels.shape == (side, side) and bool(pixels.min() != NODATA)


def _patch_files(tile: Tile, ctx: StepContext) -> list[str]:
    record = ctx.storage.require(ASSET, tile.key)
    folder = ctx.storage.folder(ASSET)
    below: Iterable[str] = files_below(folder, [record.facts_as(PatchFacts).tile_id])
    return [f"{folder}/{path}" for path in below if path.endswith(".tif")]


def _name_of(path: str) -> str:
    """File name without its extension; of 100,000 files, so without pathlib."""
    return path[path.rfind("/") + 1 :].removesuffix(".tif")
