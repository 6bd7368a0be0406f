"""A full-size tile whose bands are as hard to decode as real ones.

Real bands hold noise, so a JPEG 2000 file of one has several bits a pixel; a generated
landscape has few, and decodes in a fifth of the time. The pixels come from a real band
(``BEN_BENCH_BAND``, a JP2 such as B01 of an L1C product): its largest square without
missing values, mirrored and shifted for each band, at a quarter of the values, which
leaves 4.7 bits a pixel and 377 MiB of twelve bands. Without a band they come from a
model of it: slow waves under white noise of the same entropy.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import rasterio

from ben_assets.bigearthnet.bands import BANDS
from ben_assets.bigearthnet.patch_grid import FULL_TILE_SIDE_M
from ben_assets.synthetic.dataset import (
    SyntheticData,
    describe,
    make_synthetic_data,
    write_tile_list,
)
from ben_assets.synthetic.safe_description import ProductDescription
from ben_assets.synthetic.safe_writer import (
    ESA_BLOCKS,
    write_l2a_product,
    write_metadata,
)
from ben_assets.synthetic.scene import Scene
from ben_assets.synthetic.tiles import DEMO_TILES, DemoTile

BAND_SETTING: Final = "BEN_BENCH_BAND"
TILE: Final = replace(DEMO_TILES[0], alignment="none", has_nodata_edge=False)
"""All its 8,281 cells are valid and exported."""

_QUARTER: Final = 2  # bits
_MODEL_SIDE: Final = 1044
_MODEL_MEAN: Final = 350
_MODEL_WAVE: Final = 60
_MODEL_NOISE: Final = 6.3  # √(2πe)·6.3 has 4.7 bits
_SHIFT: Final = 331  # pixels from band to band

Pixels = npt.NDArray[np.uint16]


def make_full_tile(folder: Path, *, threads: int) -> SyntheticData:
    """The tile's L2A product and reference inputs in ``folder``, which is absent."""
    return make_full_tiles(folder, (TILE,), threads=threads)


def make_full_tiles(
    folder: Path, tiles: Sequence[DemoTile], *, threads: int
) -> SyntheticData:
    """L2A products and reference inputs of tiles of one place in ``folder``.

    All products have the same pixels, whose files take their space once.
    """
    side_m = FULL_TILE_SIDE_M
    made = make_synthetic_data(
        folder, side_m=side_m, tiles=tiles[:1], l1c=False, l2a=False
    )
    write_tile_list(made.tiles_csv, tiles)
    first, *others = [describe(tile, tile.geocoding(side_m), "L2A") for tile in tiles]
    write_l2a_product(
        made.l2a_dir,
        first,
        _scene(_texture(), side_m),
        threads=threads,
        block_pixels=ESA_BLOCKS,
    )
    for other in others:
        _write_again(made.l2a_dir, first, other)
    return replace(made, tile_keys=tuple(tile.key for tile in tiles))


def _write_again(
    parent: Path, first: ProductDescription, other: ProductDescription
) -> None:
    """The images of a product as those of another one, of another date."""
    source, target = (parent / f"{one.name.name}.SAFE" for one in (first, other))
    before, after = (one.name.acquisition.sensing for one in (first, other))
    images = []
    for path in sorted(source.rglob("*.jp2")):
        inside = str(path.relative_to(source)).replace(first.granule, other.granule)
        image = target / inside.replace(before, after)
        image.parent.mkdir(parents=True, exist_ok=True)
        image.hardlink_to(path)
        if "IMG_DATA" in image.parts:
            images.append(image)
    write_metadata(target, other, images)


def texture_source() -> str:
    """Where the pixels come from, in words."""
    return (
        Path(os.environ[BAND_SETTING]).name if BAND_SETTING in os.environ else "model"
    )


def _texture() -> Pixels:
    if BAND_SETTING not in os.environ:
        return _model()
    with rasterio.open(os.environ[BAND_SETTING]) as raster:
        band: Pixels = raster.read(1)
    return _largest_measured_square(band) >> _QUARTER


def _model() -> Pixels:
    noise = np.random.default_rng(1).normal(0, _MODEL_NOISE, (_MODEL_SIDE, _MODEL_SIDE))
    wave = np.sin(np.linspace(0, 4 * np.pi, _MODEL_SIDE))
    level = _MODEL_MEAN + _MODEL_WAVE * wave[:, np.newaxis] * wave
    return (level + noise).round().astype(np.uint16)


def _largest_measured_square(band: Pixels) -> Pixels:
    """The largest square of ``band`` (rows, cols) that holds no 0."""
    sides = (band > 0).astype(np.int64)
    for row in range(1, len(sides)):
        above, here = sides[row - 1], sides[row]
        for col in np.flatnonzero(here[1:]) + 1:
            here[col] = 1 + min(above[col], here[col - 1], above[col - 1])
    side = int(sides.max())
    row, col = np.unravel_index(int(sides.argmax()), sides.shape)
    return band[row - side + 1 : row + 1, col - side + 1 : col + 1]


def _scene(texture: Pixels, side_m: int) -> Scene:
    """The twelve bands: the texture and its mirror images, over and over."""
    wide = np.concatenate((texture, texture[:, ::-1]), axis=1)
    period = np.concatenate((wide, wide[::-1]))
    scene = {}
    for number, band in enumerate(BANDS):
        side = side_m // band.gsd_m
        repeats = -(-side // len(period))
        shifted = np.roll(period, number * _SHIFT, axis=(0, 1))
        scene[band.name] = np.tile(shifted, (repeats, repeats))[:side, :side].copy()
    return scene
