"""``patches``: the GeoTIFFs of a tile's patches and the table of all its grid cells."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Final

from ben_assets.bigearthnet.alignment import align
from ben_assets.bigearthnet.bands import BANDS
from ben_assets.bigearthnet.countries import FAR_M, NearestCountries, nearest_country
from ben_assets.bigearthnet.numerals import counted
from ben_assets.bigearthnet.patch_table import cell_squares, patch_table, with_validity
from ben_assets.bigearthnet.patching import CutPatches, cut_patches
from ben_assets.bigearthnet.recipe import Recipe
from ben_assets.bigearthnet.seasons import season_of
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.safe.l2a import L2AProduct
from ben_assets.steps import l2a
from ben_assets.steps.pictures import TrueColour, write_cell_picture
from ben_assets.steps.step_context import (
    StepContext,
    cpu_count,
    table_facts,
    versions,
)
from resources.data_root.facts import L2aFacts, PatchFacts
from resources.data_root.files import flush_file_system
from resources.data_root.store import Draft, Record, StoredRecord
from resources.inputs.pins import V1_ZONES, footprints_name

ASSET: Final = "patches"


def make_patches(tile: Tile, ctx: StepContext) -> StoredRecord:
    """Cut the patches of a tile.

    Raises:
        MissingInput: the L2A product or a reference input is not on disk.
        InvalidInput: an input breaks a rule.
        UnexpectedRaster: a band cannot be decoded.
        ChecksumMismatch: the L2A product is not the one that was verified.
    """
    upstream = ctx.storage.require(l2a.ASSET, tile.key)
    product = l2a.sound_product(ctx, upstream)
    recipe = ctx.recipe(tile.alignment)
    product.radiometry.require_scale(
        product.name.name, recipe.value_scale, needs_v1=tile.alignment == "v1"
    )
    v1_names = _v1_names(tile, product, ctx)
    grid = product.geocoding
    countries = _countries(tile, product, recipe, ctx)
    wanted = sorted(v1_names) if tile.alignment == "v1" else grid.cell_names()
    with ctx.storage.draft(ASSET, tile.key, ctx.log) as draft:
        folder = draft.path / product.name.stem
        folder.mkdir()

        def after_band(line: str) -> None:
            ctx.log(line)
            flush_file_system(folder)  # the disk writes while others are decoded

        with ThreadPoolExecutor(1) as beside:
            cells = beside.submit(patch_table, product, v1_names, countries)
            cut = cut_patches(
                product,
                wanted,
                folder,
                threads=cpu_count(),
                on_progress=after_band,
                on_band=TrueColour(draft, tile, grid).show,
                scale=recipe.value_scale,
            )
        table = with_validity(cells.result(), cut.valid)
        n_dark = int(cut.dark.sum())
        if n_dark:
            bands = ", ".join(f"{name}: {n}" for name, n in cut.dark_bands.items())
            ctx.log(
                f"warning: {counted(n_dark, 'cell')} invalid for zeros in some bands "
                f"alone, which are dark pixels rather than missing ones: {bands}"
            )
        path = draft.path / f"{tile.key}.parquet"
        table.to_parquet(path, index=False)
        write_cell_picture(draft, tile, grid, table)
        facts = PatchFacts.after(
            upstream.facts_as(L2aFacts),
            table=table_facts(path, len(table)),
            recipe=recipe.name,
            recipe_sha256=recipe.sha256,
            value_scale=str(recipe.value_scale),
            alignment=tile.alignment,
            season=season_of(product.start_time),
            cells=len(table),
            valid=int(cut.valid.sum()),
            aligned=len(v1_names),
            patches=len(cut.digests) // len(BANDS),
            dark_cells=n_dark,
            dark_bands=cut.dark_bands,
            far_from_country=int((countries.distances_m > FAR_M).sum()),
        )
        made_from = _made_from(tile, recipe, ctx, upstream)
        return draft.publish(_record(tile, draft, cut, made_from, facts))


def _v1_names(
    tile: Tile, product: L2AProduct, ctx: StepContext
) -> dict[tuple[int, int], str]:
    if tile.alignment == "none":
        return {}
    footprints = ctx.inputs.v1_footprints(product.geocoding.epsg)
    if footprints is None:
        ctx.log(
            f"EPSG:{product.geocoding.epsg} has no v1 footprints: nothing aligns; set "
            "alignment to none in BEN_TILES_CSV to export all valid patches"
        )
        return {}
    season = season_of(product.start_time)
    return align(footprints, product.geocoding, season, tile.key)


def _countries(
    tile: Tile, product: L2AProduct, recipe: Recipe, ctx: StepContext
) -> NearestCountries:
    """The country of each cell: of the ten, or of all around a user's own tile."""
    grid = product.geocoding
    countries = (
        ctx.inputs.countries()
        if tile.alignment == "v1"
        else ctx.inputs.countries_nearby(recipe.countries, grid)
    )
    return nearest_country(cell_squares(grid), grid.epsg, countries)


def _made_from(
    tile: Tile, recipe: Recipe, ctx: StepContext, upstream: StoredRecord
) -> dict[str, str]:
    made_from = {l2a.ASSET: upstream.sha256}
    made_from |= ctx.inputs.countries_digest(recipe.countries)
    epsg = upstream.facts_as(L2aFacts).epsg
    if tile.alignment == "v1" and epsg in V1_ZONES:
        made_from |= ctx.inputs.digest(footprints_name(epsg))
    return made_from


def _record(
    tile: Tile,
    draft: Draft,
    cut: CutPatches,
    made_from: dict[str, str],
    facts: PatchFacts,
) -> Record:
    return Record(
        asset=ASSET,
        tile=tile.key,
        digests=cut.digests,
        bytes=cut.n_bytes,
        outputs=tuple(path.name for path in draft.path.iterdir()),
        made_from=made_from,
        made_with=versions("rasterio", "pyproj", "pyarrow"),
        facts=facts,
    )
