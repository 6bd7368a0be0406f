"""``reference_maps``: land cover on the grid of each exported patch of a tile."""

from __future__ import annotations

import hashlib
from typing import Final

import pandas as pd

from ben_assets.bigearthnet.corine import NO_POLYGON
from ben_assets.bigearthnet.dataset_layout import MAP_SUFFIX, patch_folder
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.patching import write_file
from ben_assets.bigearthnet.product_names import patch_id
from ben_assets.bigearthnet.recipe import LandCover
from ben_assets.bigearthnet.reference_map import (
    ClcPolygons,
    cut_reference_maps,
    rasterize,
)
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.pictures.quicklook import thin
from ben_assets.steps import patches
from ben_assets.steps.pictures import write_map_picture
from ben_assets.steps.step_context import (
    StepContext,
    cpu_count,
    exported_cells,
    read_table,
    require_current,
    table_digest,
    table_facts,
    versions,
)
from resources.data_root.facts import MapFacts, PatchFacts
from resources.data_root.store import Draft, Record, StoredRecord

ASSET: Final = "reference_maps"


def make_reference_maps(tile: Tile, ctx: StepContext) -> StoredRecord:
    """Bring land cover onto a tile's grid and cut the map of each exported patch.

    Raises:
        MissingInput: the patches or the land cover are not on disk.
        InvalidInput: the land cover breaks a rule, or the patches are of another L2A
            product or recipe.
    """
    upstream = require_current(ctx, patches.ASSET, tile)
    cut = upstream.facts_as(PatchFacts)
    grid = cut.geocoding
    cells = exported_cells(read_table(ctx, patches.ASSET, tile), tile)[["x", "y"]]
    cover = ctx.recipe(tile.alignment).land_cover
    polygons, digest = _polygons(cover, grid, ctx)
    if polygons is None:
        raster = ctx.inputs.land_cover_codes(cover, grid, cpu_count())
    else:
        raster = rasterize(polygons, grid)
    n_unmapped = int((raster == NO_POLYGON).sum())
    ctx.log(f"{n_unmapped / raster.size:.2%} of the pixels have no land cover (999)")
    with ctx.storage.draft(ASSET, tile.key, ctx.log) as draft:
        write_map_picture(draft, tile, grid, thin(raster), cover)
        (draft.path / cut.tile_id).mkdir()
        digests, n_bytes, rows = {}, 0, []
        for made in cut_reference_maps(
            raster, polygons, grid, cells.itertuples(index=False, name=None)
        ):
            patch = patch_id(cut.tile_id, *made.cell)
            digests[f"{patch}{MAP_SUFFIX}"] = _write(draft, patch, made.content)
            n_bytes += len(made.content)
            rows += [(patch, *item) for item in sorted(made.pixels_of_code.items())]
        ctx.log(f"{len(digests)} reference maps of {len(cells)} patches written")
        path = draft.path / f"{tile.key}.parquet"
        _code_table(rows).to_parquet(path, index=False)
        return draft.publish(
            Record(
                asset=ASSET,
                tile=tile.key,
                digests=digests,
                bytes=n_bytes,
                outputs=tuple(entry.name for entry in draft.path.iterdir()),
                made_from={
                    patches.ASSET: upstream.sha256,
                    **table_digest(upstream),
                    **digest,
                },
                made_with=versions("rasterio", "pyproj", "pyarrow"),
                facts=MapFacts.after(
                    cut,
                    table=table_facts(path, len(rows)),
                    pixels=raster.size,
                    pixels_without_polygon=n_unmapped,
                    legend=cover.legend.name,
                    land_cover_year=cover.year,
                    sensing_year=cut.started.year,
                ),
            )
        )


def _polygons(
    cover: LandCover, grid: TileGeocoding, ctx: StepContext
) -> tuple[ClcPolygons | None, dict[str, str]]:
    """The polygons, None where land cover is a raster; and what they come from."""
    if cover.is_raster:
        ctx.log(f"land cover is read from {cover.path}")
        return None, ctx.inputs.land_cover_raster_digest(cover, grid)
    polygons, digest = ctx.inputs.land_cover_polygons(cover, grid)
    ctx.log(f"{len(polygons.codes)} polygons of {cover.title} meet the tile")
    return polygons, digest


def _write(draft: Draft, patch: str, content: bytes) -> str:
    path = draft.path / patch_folder(patch) / f"{patch}{MAP_SUFFIX}.tif"
    path.parent.mkdir()
    write_file(path, content)
    return hashlib.sha256(content).hexdigest()


def _code_table(rows: list[tuple[str, int, int]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["patch_id", "clc_code", "pixels"])
    return table.astype({"patch_id": "str", "clc_code": "uint16", "pixels": "uint16"})
