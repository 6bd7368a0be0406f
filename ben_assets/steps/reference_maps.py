"""``reference_maps``: land cover on the grid of each exported patch of a tile."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np
import pandas as pd

from ben_assets.bigearthnet.checksums import sha256_of_bytes
from ben_assets.bigearthnet.dataset_layout import MAP_SUFFIX, patch_folder
from ben_assets.bigearthnet.legend import NO_LAND_COVER
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.patching import write_file
from ben_assets.bigearthnet.product_names import patch_id
from ben_assets.bigearthnet.recipe import LandCover
from ben_assets.bigearthnet.reference_map import (
    ClcPolygons,
    MapCutter,
    ReferenceMap,
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
_CELLS_AT_A_TIME: Final = 128


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
    table = exported_cells(read_table(ctx, patches.ASSET, tile), tile)
    cells = list(zip(table["x"].tolist(), table["y"].tolist(), strict=True))
    cover = ctx.recipe(tile.alignment).land_cover
    polygons, digest = _polygons(cover, grid, ctx)
    if polygons is None:
        raster, digest = ctx.inputs.land_cover_codes(cover, grid, cpu_count())
    else:
        raster = rasterize(polygons, grid)
    with ctx.storage.draft(ASSET, tile.key, ctx.log) as draft:
        (draft.path / cut.tile_id).mkdir()
        cutter = MapCutter(raster, polygons, grid, cells)
        with ThreadPoolExecutor(1) as beside:
            picture = beside.submit(
                write_map_picture, draft, tile, grid, thin(raster), cover
            )
            unmapped = beside.submit(lambda: np.count_nonzero(raster == NO_LAND_COVER))
            made = _write_maps(cutter, cells, draft, cut.tile_id)
        picture.result()
        n_unmapped = int(unmapped.result())
        share = n_unmapped / raster.size
        ctx.log(f"{share:.2%} of the pixels have no land cover (999)")
        rows = [row for one in made for row in one.rows]
        ctx.log(
            f"{len(made)} reference maps of {len(cells)} patches written, deflated by "
            f"{cutter.encoder}"
        )
        path = draft.path / f"{tile.key}.parquet"
        _code_table(rows).to_parquet(path, index=False)
        return draft.publish(
            Record(
                asset=ASSET,
                tile=tile.key,
                digests={one.name: one.sha256 for one in made},
                bytes=sum(one.bytes for one in made),
                outputs=tuple(entry.name for entry in draft.path.iterdir()),
                made_from={
                    patches.ASSET: upstream.sha256,
                    **table_digest(upstream),
                    **digest,
                },
                made_with=versions("rasterio", "pyproj", "pyarrow", "deflate"),
                facts=MapFacts.after(
                    cut,
                    table=table_facts(path, len(rows)),
                    pixels=raster.size,
                    pixels_without_polygon=n_unmapped,
                    legend=cover.legend.name,
                    land_cover_year=cover.year,
                    sensing_year=cut.started.year,
                    deflated_by=cutter.encoder,
                ),
            )
        )


def _polygons(
    cover: LandCover, grid: TileGeocoding, ctx: StepContext
) -> tuple[ClcPolygons | None, dict[str, str]]:
    """The polygons and what they come from; None where land cover is a raster."""
    if cover.is_raster:
        ctx.log(f"land cover is read from {cover.path}")
        return None, {}
    polygons, digest = ctx.inputs.land_cover_polygons(cover, grid)
    ctx.log(f"{len(polygons.codes)} polygons of {cover.title} meet the tile")
    return polygons, digest


@dataclass(frozen=True)
class _Written:
    """A reference map on disk."""

    name: str
    """File name without extension."""
    sha256: str
    """Of the file."""
    bytes: int
    """Size of the file."""
    rows: list[tuple[str, int, int]]
    """Patch, code and number of its pixels, by code."""


def _write_maps(
    cutter: MapCutter, cells: Sequence[tuple[int, int]], draft: Draft, tile_id: str
) -> list[_Written]:
    """Write the maps of the cells that have one, in their order, with all cores."""

    def write(some: Sequence[tuple[int, int]]) -> list[_Written]:
        made = [one for cell in some if (one := cutter.cut(cell))]
        return [_write(draft, patch_id(tile_id, *one.cell), one) for one in made]

    parts = [
        cells[i : i + _CELLS_AT_A_TIME] for i in range(0, len(cells), _CELLS_AT_A_TIME)
    ]
    with ThreadPoolExecutor(cpu_count()) as pool:
        return list(chain.from_iterable(pool.map(write, parts)))


def _write(draft: Draft, patch: str, made: ReferenceMap) -> _Written:
    name = f"{patch}{MAP_SUFFIX}"
    folder = f"{draft.path}/{patch_folder(patch)}"  # pathlib would take its time
    os.mkdir(folder)  # noqa: PTH102
    write_file(f"{folder}/{name}.tif", made.content)
    rows = [(patch, *item) for item in sorted(made.pixels_of_code.items())]
    return _Written(name, sha256_of_bytes(made.content), len(made.content), rows)


def _code_table(rows: list[tuple[str, int, int]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["patch_id", "clc_code", "pixels"])
    return table.astype({"patch_id": "str", "clc_code": "uint16", "pixels": "uint16"})
