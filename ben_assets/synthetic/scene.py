"""Pixels of a landscape as Sentinel-2 could see it: reflectance by land cover.

Belongs here: land cover to digital numbers. Not here: polygons, files.
Digital numbers are reflectance times 10,000; the spectra are rounded guesses from
textbook curves, good enough for a picture and for sums that make sense.
"""

from __future__ import annotations

from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
from rasterio.features import rasterize

from ben_assets.bigearthnet.bands import BANDS, L1C_BANDS, NODATA, Band
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.synthetic.landscape import LandCover

_SPECTRA: Final = {
    # B01, B02, B03, B04, B05, B06, B07, B08, B8A, B09, B11, B12
    "soil": (600, 750, 1050, 1400, 1750, 1950, 2100, 2250, 2400, 2450, 3000, 2600),
    "village": (800, 900, 1020, 1080, 1350, 1800, 2000, 2080, 2150, 2150, 2000, 1600),
    "built": (1200, 1380, 1480, 1560, 1700, 1850, 1950, 2000, 2050, 2050, 2250, 2100),
    "rock": (1500, 1800, 2150, 2450, 2600, 2700, 2800, 2900, 2950, 2950, 3400, 3000),
    "crop": (330, 430, 760, 600, 1150, 2600, 3150, 3300, 3450, 3450, 2000, 1150),
    "grass": (300, 400, 790, 500, 1150, 3000, 3650, 3850, 3950, 3950, 2150, 1150),
    "broadleaf": (190, 250, 500, 290, 780, 2750, 3500, 3700, 3800, 3800, 1650, 760),
    "conifer": (140, 190, 320, 210, 470, 1450, 1800, 1900, 2000, 2050, 920, 430),
    "mixed": (165, 220, 410, 250, 620, 2100, 2650, 2800, 2900, 2950, 1280, 600),
    "shrub": (250, 330, 590, 470, 930, 2150, 2650, 2800, 2900, 2900, 1850, 1000),
    "wetland": (240, 320, 520, 450, 800, 1600, 1900, 2000, 2100, 2100, 1250, 680),
    "water": (420, 480, 470, 270, 230, 190, 170, 150, 140, 120, 60, 40),
}
_KIND_OF_CODE: Final = {
    112: "village",
    **dict.fromkeys((111, 121), "built"),
    131: "rock",
    **dict.fromkeys((211, 222, 242), "crop"),
    **dict.fromkeys((231, 141, 142, 243), "grass"),
    **{311: "broadleaf", 312: "conifer", 313: "mixed"},
    **dict.fromkeys((321, 324), "shrub"),
    411: "wetland",
    **dict.fromkeys((511, 512), "water"),
}
KINDS: Final = tuple(_SPECTRA)
"""Kinds of ground; their order is that of the numbers in ``land_cover_raster``."""

_RIPENESS: Final = np.array([0.0, 0.15, 0.9, 0.35, 0.6, 0.05, 1.0, 0.25])
_CONTRAST: Final = np.array([-3, 2, 0, -1, 3, 1, -2, 0])
_CONTRAST_OF_KIND: Final = {"village": 0.08, "built": 0.08, "grass": 0.06, "water": 0.0}
_TOWN_KINDS: Final = ("village", "built")
_SHADES: Final = 8

_TEXTURE_PIXELS: Final = 660  # repeats, so that large tiles are made fast
_FINE_TEXTURE_LIMIT_M: Final = 20_000
_COARSENING: Final = 4
"""Larger tiles have coarser fields and no grain, so that they are packed fast."""

_HAZE: Final = dict(
    zip(
        (band.name for band in BANDS),
        (1050, 800, 480, 300, 240, 190, 160, 130, 110, 100, 45, 25),
        strict=True,
    )
)
_CIRRUS_DN: Final = 14

_Number = TypeVar("_Number", np.uint16, np.float64)

Scene = dict[str, npt.NDArray[np.uint16]]
"""Band name to its pixels at native resolution, (rows, cols), 0 as nodata."""


def land_cover_raster(
    covers: list[LandCover], grid: TileGeocoding
) -> npt.NDArray[np.uint8]:
    """Number of the kind of ground on the 10 m grid; bare soil where no polygon is."""
    side = grid.pixels(10)
    shapes = [
        (cover.polygon, KINDS.index(_KIND_OF_CODE[cover.code])) for cover in covers
    ]
    raster: npt.NDArray[np.uint8] = rasterize(
        shapes, (side, side), transform=grid.transform(10), dtype="uint8"
    )
    return raster


def surface_scene(
    kinds: npt.NDArray[np.uint8], grid: TileGeocoding, seed: int, *, nodata_edge: bool
) -> Scene:
    """The 12 bands of surface reflectance, positive but for what has no data.

    Without data are a wedge in the upper right (if asked for, the same ground in all
    bands) and one pixel of B11 in the middle of the lower left patch.
    """
    rng = np.random.default_rng(seed)
    is_fine = grid.side_m <= _FINE_TEXTURE_LIMIT_M
    shaded = _shaded(kinds, rng, 1 if is_fine else _COARSENING)
    noise = _noise(rng) if is_fine else None
    edge = _nodata_wedge(grid.pixels(60)) if nodata_edge else None
    scene = {}
    for number, band in enumerate(BANDS):
        every = slice(band.gsd_m // 20, None, band.gsd_m // 10)
        pixels = _reflectances(number)[shaded[every, every]]
        if noise is not None:
            pixels = _roughen(pixels, noise[every, every])
        if edge is not None:
            pixels[_enlarge(edge, band)] = NODATA
        scene[band.name] = pixels
    row, column = grid.cells * 60 - 30, 30
    scene["B11"][row, column] = NODATA
    return scene


def top_of_atmosphere(surface: Scene) -> Scene:
    """The 13 bands of an L1C product: the surface under an even haze.

    Pixels without data stay without; the cirrus band B10 is nearly dark.
    """
    hazy = {
        name: np.where(pixels == NODATA, pixels, pixels + np.uint16(_HAZE[name]))
        for name, pixels in surface.items()
    }
    hazy["B10"] = np.where(hazy["B09"] == NODATA, NODATA, _CIRRUS_DN).astype(np.uint16)
    return {band.name: hazy[band.name] for band in L1C_BANDS}


def _reflectances(band_number: int) -> npt.NDArray[np.uint16]:
    """Digital number by ``kind * 8 + shade`` in one band."""
    soil = _SPECTRA["soil"][band_number]
    table = np.empty((len(KINDS), _SHADES))
    for row, (kind, spectrum) in zip(table, _SPECTRA.items(), strict=True):
        value = spectrum[band_number]
        if kind == "crop":
            row[:] = value + (soil - value) * _RIPENESS
        else:
            row[:] = value * (1 + _CONTRAST_OF_KIND.get(kind, 0.03) * _CONTRAST)
    return table.ravel().astype(np.uint16)


def _shaded(
    kinds: npt.NDArray[np.uint8], rng: np.random.Generator, coarsening: int
) -> npt.NDArray[np.uint16]:
    """``kind * 8 + shade`` of all pixels."""
    is_town = np.isin(kinds, [KINDS.index(kind) for kind in _TOWN_KINDS])
    blocks, fields = (
        _tile(texture.repeat(coarsening, 0).repeat(coarsening, 1), len(kinds))
        for texture in (_blocks(rng), _fields(rng))
    )
    shades: npt.NDArray[np.uint16] = np.where(is_town, blocks, fields)
    shades += kinds.astype(np.uint16) * _SHADES
    return shades


def _fields(rng: np.random.Generator) -> npt.NDArray[np.uint16]:
    """Fields: strips across a slope, each with one of eight shades."""
    y, x = np.mgrid[:_TEXTURE_PIXELS, :_TEXTURE_PIXELS]
    along = ((0.94 * x + 0.34 * y) // 31).astype(int)
    across = ((0.94 * y - 0.34 * x) // 13).astype(int)
    shades = rng.integers(0, _SHADES, (97, 89), dtype=np.uint16)
    fields: npt.NDArray[np.uint16] = shades[along % 97, (across + 3 * along) % 89]
    return fields


def _blocks(rng: np.random.Generator) -> npt.NDArray[np.uint16]:
    """Blocks of houses of 40 m, with a straight street every 200 m."""
    side = _TEXTURE_PIXELS // 4
    shades = rng.integers(0, _SHADES, (side, side), dtype=np.uint16)
    blocks = shades.repeat(4, axis=0).repeat(4, axis=1)
    blocks[::20] = blocks[:, ::20] = np.argmin(_CONTRAST)
    return blocks


def _noise(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Relative brightness of pixels: grain, and broader clumps as of trees."""
    side = _TEXTURE_PIXELS
    grain = rng.normal(0, 0.02, (side, side))
    clumps = rng.normal(0, 0.05, (side // 3, side // 3))
    return np.clip(grain + clumps.repeat(3, 0).repeat(3, 1), -0.2, 0.2)


def _roughen(
    pixels: npt.NDArray[np.uint16], noise: npt.NDArray[np.float64]
) -> npt.NDArray[np.uint16]:
    rough = pixels * (1 + _tile(noise, len(pixels)))
    return np.maximum(rough, 1).astype(np.uint16)


def _tile(texture: npt.NDArray[_Number], side: int) -> npt.NDArray[_Number]:
    times = -(-side // len(texture))
    repeated: npt.NDArray[_Number] = np.tile(texture, (times, times))
    return repeated[:side, :side]


def _nodata_wedge(side: int) -> npt.NDArray[np.bool_]:
    """Beyond the slanted end of the swath, upper right, on the 60 m grid."""
    row, column = np.mgrid[:side, :side]
    wedge: npt.NDArray[np.bool_] = column > 0.76 * side + 0.3 * row
    return wedge


def _enlarge(mask: npt.NDArray[np.bool_], band: Band) -> npt.NDArray[np.bool_]:
    times = 60 // band.gsd_m
    return mask.repeat(times, axis=0).repeat(times, axis=1)
