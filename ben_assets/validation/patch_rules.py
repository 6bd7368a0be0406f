"""Rules for the GeoTIFFs of patches."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np

from ben_assets.bigearthnet.bands import BANDS, NODATA
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.steps.patches import ASSET
from ben_assets.steps.step_context import (
    StepContext,
    cpu_count,
    exported_cells,
    read_table,
)
from ben_assets.validation.result import RuleResult
from resources.data_root.facts import PatchFacts
from resources.data_root.files import files_below
from resources.inputs.pins import V1_ZONES

_BYTES_PER_PIXEL: Final = 2
_PIXEL_BYTES: Final = {
    band.name: band.patch_pixels**2 * _BYTES_PER_PIXEL for band in BANDS
}


def every_patch_has_its_bands(tile: Tile, ctx: StepContext) -> RuleResult:
    """Exactly twelve files of each valid and aligned patch are on disk."""
    cells = exported_cells(read_table(ctx, ASSET, tile), tile)
    expected = {f"{patch}_{band.name}" for patch in cells["patch_id"] for band in BANDS}
    found = {path.stem for path in _patch_files(tile, ctx)}
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
    found = f"{facts.dark_cells} patches lost; by band: {bands or 'none'}"
    passed = facts.dark_cells == 0
    return RuleResult(passed, "none lost to dark pixels", found, is_warning=not passed)


def no_pixel_is_zero(tile: Tile, ctx: StepContext) -> RuleResult:
    """No pixel of any exported patch is 0, which stands for no measurement."""
    paths = _patch_files(tile, ctx)
    with ThreadPoolExecutor(cpu_count()) as pool:
        is_clean = pool.map(has_no_zero, paths, chunksize=256)
        corrupt = {p.stem for p, good in zip(paths, is_clean, strict=True) if not good}
    return RuleResult.none_of(
        corrupt, "no pixel of value 0", f"{len(paths)} files, every pixel read"
    )


def has_no_zero(path: Path) -> bool:
    """Whether no pixel of a patch's GeoTIFF is 0; false also for one cut short.

    The pixels are the last bytes of the file, uncompressed
    (docs/rules.md#geotiff-bytes).
    """
    content = path.read_bytes()
    n_bytes = _PIXEL_BYTES.get(path.stem.rpartition("_")[2], 0)
    if not 0 < n_bytes < len(content):
        return False
    pixels = np.frombuffer(content, "<u2", offset=len(content) - n_bytes)
    return bool((pixels != NODATA).all())


def _patch_files(tile: Tile, ctx: StepContext) -> list[Path]:
    record = ctx.storage.require(ASSET, tile.key)
    folder = ctx.storage.folder(ASSET)
    below: Iterable[str] = files_below(folder, [record.facts_as(PatchFacts).tile_id])
    return [folder / path for path in below if path.endswith(".tif")]
