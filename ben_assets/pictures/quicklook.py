"""Pictures of a tile's rasters on the patch grid: true colour and land cover."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from ben_assets.bigearthnet.bands import NODATA
from ben_assets.bigearthnet.legend import Legend
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.pictures.sheet import (
    GridScale,
    LegendItem,
    compose,
    first_fitting,
    grid_scales,
    jpeg,
    png,
    swatch,
)

COLOUR_BANDS: Final = ("B04", "B03", "B02")
"""Red, green and blue."""
THIN_SIDE: Final = 1400
"""Pixels along one side at which pixels are kept for a picture, before averaging."""
_BRIGHTEST_DN: Final = 2500
"""DN shown as white: a reflectance of 0.25, above that of most land."""
_GAMMA: Final = 1.6
_QUALITIES: Final = (85, 75, 65, 55)
_BLOCKS: Final = (1, 2, 3, 6, 12)
"""Pixels of the picture, a side, that show one pixel of the map."""
_LINE_STRENGTH: Final = 110
_HATCH_PIXELS: Final = 6
_HATCH_COLOURS: Final = ((120, 120, 128), (200, 200, 206))


def thin(pixels: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """Every n-th pixel of a raster, at most ``THIN_SIDE`` a side."""
    step = -(-max(pixels.shape) // THIN_SIDE)
    return pixels[::step, ::step].copy()


def true_colour(
    red: npt.NDArray[np.uint16],
    green: npt.NDArray[np.uint16],
    blue: npt.NDArray[np.uint16],
) -> npt.NDArray[np.uint8]:
    """RGB of three bands, shape (rows, cols, 3), brightened for the eye (gamma 1.6)."""
    dn = np.arange(_BRIGHTEST_DN + 1, dtype=np.float32)
    brightness = ((dn / _BRIGHTEST_DN) ** (1 / _GAMMA) * 255).astype(np.uint8)
    return brightness[np.minimum(np.stack([red, green, blue], axis=-1), _BRIGHTEST_DN)]


def true_colour_picture(
    title: str,
    geocoding: TileGeocoding,
    bands: tuple[
        npt.NDArray[np.uint16], npt.NDArray[np.uint16], npt.NDArray[np.uint16]
    ],
) -> bytes:
    """JPEG of thinned red, green and blue with the patch grid; no data is hatched."""
    colours = Image.fromarray(true_colour(*bands))
    nodata = Image.fromarray((np.min(bands, axis=0) == NODATA).astype(np.uint8) * 255)

    def draw(scale: GridScale) -> Image.Image:
        size = (scale.side_px, scale.side_px)
        picture = colours.resize(size, Image.Resampling.BOX)
        hatch = _hatched(scale.side_px)
        picture.paste(hatch, mask=nodata.resize(size, Image.Resampling.NEAREST))
        legend = [LegendItem("no data", hatch.crop((0, 0, 15, 15)))]
        return compose(title, _with_grid(picture, scale), scale, legend + _grid(scale))

    sheets = map(draw, grid_scales(geocoding))
    return first_fitting(jpeg(s, quality) for s in sheets for quality in _QUALITIES)


def land_cover_picture(
    title: str,
    geocoding: TileGeocoding,
    codes: npt.NDArray[np.uint16],
    legend: Legend,
) -> bytes:
    """PNG of thinned land cover codes in their colours; a legend of what occurs."""
    found, counts = np.unique(codes, return_counts=True)
    items = [
        LegendItem(
            f"{code} {legend.entry(code).name} ({_percent(count / codes.size)})",
            swatch(legend.entry(code).colour),
        )
        for code, count in zip(found.tolist(), counts.tolist(), strict=True)
    ]
    colours = Image.fromarray(land_cover_colours(codes, legend))

    scale = grid_scales(geocoding)[0]

    def draw(block: int) -> bytes:
        size, coarse = scale.side_px, -(-scale.side_px // block)
        picture = colours.resize((coarse, coarse), Image.Resampling.NEAREST)
        picture = picture.resize((size, size), Image.Resampling.NEAREST)
        sheet = _with_grid(picture, scale)
        return png(compose(title, sheet, scale, items + _grid(scale)))

    return first_fitting(map(draw, _BLOCKS))


def land_cover_colours(
    codes: npt.NDArray[np.uint16], legend: Legend
) -> npt.NDArray[np.uint8]:
    """RGB of land cover codes, shape (rows, cols, 3), in the colours of a legend."""
    palette = np.zeros((max(legend.codes) + 1, 3), dtype=np.uint8)
    for code in legend.codes:
        palette[code] = legend.entry(code).colour
    colours: npt.NDArray[np.uint8] = palette[codes]
    return colours


def _percent(share: float) -> str:
    return "<0.1%" if share < 0.001 else f"{share:.1%}"


def _with_grid(picture: Image.Image, scale: GridScale) -> Image.Image:
    """Lines half as bright as what they cross, seen on bright and on dark ground."""
    shade = Image.new("L", picture.size, 0)
    pen = ImageDraw.Draw(shade)
    end = scale.geocoding.cells * scale.cell_px
    for at in scale.lines():
        pen.line((at, 0, at, end), fill=_LINE_STRENGTH)
        pen.line((0, at, end, at), fill=_LINE_STRENGTH)
    picture.paste((0, 0, 0), mask=shade)
    return picture


def _grid(scale: GridScale) -> list[LegendItem]:
    sample = Image.new("RGB", (15, 15), (255, 255, 255))
    pen = ImageDraw.Draw(sample)
    pen.line((7, 0, 7, 15), fill=(90, 90, 90))
    pen.line((0, 7, 15, 7), fill=(90, 90, 90))
    which = "" if scale.step == 1 else f", every {scale.step}th line"
    return [LegendItem(f"patch grid of 1200 m{which}", sample)]


def _hatched(side: int) -> Image.Image:
    rows, columns = np.indices((side, side))
    stripe = ((rows + columns) // _HATCH_PIXELS) % 2
    return Image.fromarray(np.array(_HATCH_COLOURS, dtype=np.uint8)[stripe])
