"""The pictures that partition pages show; written beside the tile's other files."""

from __future__ import annotations

import threading
from collections import Counter

import numpy as np
import numpy.typing as npt
import pandas as pd

from ben_assets.bigearthnet.bands import Band
from ben_assets.bigearthnet.legend import Legend
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.recipe import LandCover
from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.pictures.cells import cell_picture, label_picture
from ben_assets.pictures.quicklook import (
    COLOUR_BANDS,
    land_cover_picture,
    thin,
    true_colour_picture,
)
from ben_assets.safe.band_rasters import BandPixels
from ben_assets.steps.step_context import exported_cells
from resources.data_root.store import Draft


class TrueColour:
    """Writes ``<tile key>.jpg`` as soon as it was shown all ``COLOUR_BANDS``."""

    def __init__(self, draft: Draft, tile: Tile, geocoding: TileGeocoding) -> None:
        """The picture of ``tile`` in ``draft``."""
        self._draft = draft
        self._tile = tile
        self._geocoding = geocoding
        self._thinned: dict[str, BandPixels] = {}
        self._lock = threading.Lock()

    def show(self, band: Band, pixels: BandPixels) -> None:
        """Keep what the picture needs of a band; several threads may call."""
        if band.name not in COLOUR_BANDS:
            return
        thinned = thin(pixels)
        with self._lock:
            self._thinned[band.name] = thinned
            is_last = len(self._thinned) == len(COLOUR_BANDS)
        if is_last:
            self._write()

    def _write(self) -> None:
        red, green, blue = (self._thinned[name] for name in COLOUR_BANDS)
        title = f"{_place_and_day(self._tile)}: true colour ({', '.join(COLOUR_BANDS)})"
        (self._draft.path / f"{self._tile.key}.jpg").write_bytes(
            true_colour_picture(title, self._geocoding, (red, green, blue))
        )


def write_cell_picture(
    draft: Draft, tile: Tile, geocoding: TileGeocoding, cells: pd.DataFrame
) -> None:
    """``<tile key>.png``: split and validity of all grid cells."""
    picture = cell_picture(
        f"{_place_and_day(tile)}: split and validity of the patches",
        geocoding,
        _on_grid(cells[cells["valid"]], geocoding),
        _on_grid(exported_cells(cells, tile), geocoding),
    )
    (draft.path / f"{tile.key}.png").write_bytes(picture)


def write_map_picture(
    draft: Draft,
    tile: Tile,
    geocoding: TileGeocoding,
    thinned: npt.NDArray[np.uint16],
    cover: LandCover,
) -> None:
    """``<tile key>.png``: land cover classes in the colours of their legend."""
    title = f"{_place_and_day(tile)}: land cover ({cover.title})"
    (draft.path / f"{tile.key}.png").write_bytes(
        land_cover_picture(title, geocoding, thinned, cover.legend)
    )


def write_label_picture(
    draft: Draft, tile: Tile, table: pd.DataFrame, legend: Legend
) -> None:
    """``<tile key>.png``: how many kept patches have each label."""
    kept = table[table["kept"]]
    counts = Counter(label for labels in kept["labels"] for label in labels)
    title = f"{_place_and_day(tile)}: labels of the {len(kept):,} kept patches"
    (draft.path / f"{tile.key}.png").write_bytes(
        label_picture(title, counts, len(kept), legend.labels)
    )


def _place_and_day(tile: Tile) -> str:
    name = tile.product
    return f"T{name.acquisition.mgrs}, {name.sensing_time:%Y-%m-%d}"


def _on_grid(cells: pd.DataFrame, geocoding: TileGeocoding) -> npt.NDArray[np.bool_]:
    """Shape (rows, columns): true for the cells of the table."""
    grid = np.zeros((geocoding.cells, geocoding.cells), dtype=np.bool_)
    grid[cells["y"].to_numpy(), cells["x"].to_numpy()] = True
    return grid
