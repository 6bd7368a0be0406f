"""Cutting the patches of a tile: one GeoTIFF per band, only of whole patches.

Bands are decoded and written side by side, each decoded once. Whether a patch is valid
is known only after the last band, so patches are written as long as no zero was seen
in them, and those that turn out invalid are taken away before anybody sees the folder.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ben_assets.bigearthnet.bands import BANDS, Band
from ben_assets.bigearthnet.geotiff import HeaderTemplate
from ben_assets.bigearthnet.patch_grid import TileGeocoding, cells_without_nodata
from ben_assets.bigearthnet.product_names import patch_id
from ben_assets.bigearthnet.value_scale import ValueScale, to_scale
from ben_assets.safe.band_rasters import BandPixels, read_band
from ben_assets.safe.l2a import L2AProduct

Cell = tuple[int, int]
"""(column, row) of a patch."""


@dataclass(frozen=True)
class CutPatches:
    """What cutting a tile gave."""

    valid: npt.NDArray[np.bool_]
    """Cells without a zero in any band, shape (rows, columns)."""
    digests: dict[str, str]
    """Name of each patch file, without extension, to its SHA-256."""
    n_bytes: int
    """Size of the patch files together."""
    dark: npt.NDArray[np.bool_]
    """Cells that zeros in some bands alone make invalid, inside the swath."""
    dark_bands: dict[str, int]
    """Band name to the number of dark cells with a zero in it."""


@dataclass(frozen=True)
class _Cutter:
    """Decodes one band after the other and writes its part of each wanted patch."""

    product: L2AProduct
    folder: Path
    wanted: tuple[Cell, ...]
    valid: npt.NDArray[np.bool_]
    on_band: Callable[[Band, BandPixels], None]
    scale: ValueScale
    zeros: dict[str, npt.NDArray[np.bool_]] = field(default_factory=dict)
    """Band name to the cells with a zero in it."""

    def cut_band(self, band: Band) -> dict[str, str]:
        """Write the band's file of every wanted cell that is valid so far."""
        pixels = read_band(self.product, band)
        grid = self.product.geocoding
        # only ever from True to False, so the threads need no lock
        self.zeros[band.name] = ~cells_without_nodata(pixels, band, grid.cells)
        self.valid[self.zeros[band.name]] = False
        to_scale(pixels, self.product.radiometry.offsets[band.name], self.scale)
        self.on_band(band, pixels)
        n = band.patch_pixels
        header = HeaderTemplate.make(grid.epsg, band.gsd_m, n)
        digests = {}
        for x, y in self.wanted:
            if self.valid[y, x]:
                name = f"{patch_id(self.product.name.stem, x, y)}_{band.name}"
                window = pixels[y * n : (y + 1) * n, x * n : (x + 1) * n]
                content = header.encode(window, grid.corner(x, y))
                write_file(f"{self.folder}/{name[:-4]}/{name}.tif", content)
                digests[name] = hashlib.sha256(content).hexdigest()
        return digests


def cut_patches(
    product: L2AProduct,
    wanted: Sequence[Cell],
    folder: Path,
    *,
    threads: int,
    on_progress: Callable[[str], None],
    on_band: Callable[[Band, BandPixels], None] = lambda band, pixels: None,
    scale: ValueScale = ValueScale.BIGEARTHNET,
) -> CutPatches:
    """Write ``<patch id>/<patch id>_<band>.tif`` for the wanted cells that are valid.

    Args:
        product: the L2A product.
        wanted: cells to export if they are valid.
        folder: an empty folder of the tile.
        threads: bands that are decoded at a time; each holds at most 240 MB.
        on_progress: called with a line after each band.
        on_band: called with each band's pixels, in that scale, while they are in
            memory.
        scale: how digital numbers are stored; a patch is valid by those delivered.

    Raises:
        UnexpectedRaster: a band cannot be decoded or differs from the metadata.
    """
    grid = product.geocoding
    for x, y in wanted:
        (folder / patch_id(product.name.stem, x, y)).mkdir()
    cutter = _Cutter(
        product,
        folder,
        tuple(wanted),
        np.ones((grid.cells, grid.cells), np.bool_),
        on_band,
        scale,
    )
    digests: dict[str, str] = {}
    # those of 60 m first: they find most of the no-data area in no time; then the
    # largest, so that the threads end at the same time
    order = sorted(BANDS, key=lambda band: (band.gsd_m != 60, band.gsd_m))
    with ThreadPoolExecutor(threads) as pool:
        running = {pool.submit(cutter.cut_band, band): band for band in order}
        try:
            for number, done in enumerate(as_completed(running), start=1):
                made = done.result()
                digests |= made
                on_progress(
                    f"band {running[done].name} ({number} of {len(BANDS)}): decoded, "
                    f"{len(made)} patch files written"
                )
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return _without_invalid(cutter, digests)


def _without_invalid(cutter: _Cutter, digests: dict[str, str]) -> CutPatches:
    stem = cutter.product.name.stem
    for x, y in cutter.wanted:
        if not cutter.valid[y, x]:
            patch = patch_id(stem, x, y)
            shutil.rmtree(cutter.folder / patch)
            for band in BANDS:
                digests.pop(f"{patch}_{band.name}", None)
    per_patch = patch_bytes(cutter.product.geocoding)
    dark = dark_cells(np.stack([cutter.zeros[band.name] for band in BANDS]))
    return CutPatches(
        cutter.valid,
        digests,
        per_patch * (len(digests) // len(BANDS)),
        dark,
        {
            band.name: int(n)
            for band in BANDS
            if (n := (cutter.zeros[band.name] & dark).sum())
        },
    )


def dark_cells(zeros: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Cells with zeros in some bands alone, away from where nothing was measured.

    Such a zero is a dark pixel, as of water in B11, not a missing one; along the edge
    of the swath bands end at other places, so what touches it does not count.

    Args:
        zeros: cells with a zero, shape (bands, rows, cols).

    Returns:
        Shape (rows, cols).
    """
    nothing = np.pad(zeros.all(axis=0), 1)
    rows, cols = zeros.shape[1:]
    shifts = [(y, x) for y in range(3) for x in range(3)]
    near_edge = np.any([nothing[y : y + rows, x : x + cols] for y, x in shifts], axis=0)
    dark: npt.NDArray[np.bool_] = zeros.any(axis=0) & ~near_edge
    return dark


def patch_bytes(grid: TileGeocoding) -> int:
    """Size of the twelve files of one patch together."""
    return sum(
        len(
            HeaderTemplate.make(grid.epsg, band.gsd_m, band.patch_pixels).encode(
                np.ones((band.patch_pixels, band.patch_pixels), np.uint16), (0, 0)
            )
        )
        for band in BANDS
    )


def write_file(path: str | Path, content: bytes) -> None:
    """Write a new file in one call; a tile has up to 100,000 of them."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        if os.write(handle, content) != len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    finally:
        os.close(handle)
