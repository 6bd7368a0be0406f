"""Small pictures of a tile: true colour and land cover."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from ben_assets.bigearthnet.corine import COLOUR_OF_CODE, NO_POLYGON

SIDE: Final = 420
"""Pixels along the longer side of a picture."""
MAX_BYTES: Final = 36_000
"""Size at which a picture, base64-coded, stays below 50 kB in Dagster's event log."""
_BRIGHTEST_DN: Final = 2500
"""DN shown as white: a reflectance of 0.25, above that of most land."""


def thin(pixels: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """Every n-th pixel of a raster, at most ``SIDE`` a side."""
    step = -(-max(pixels.shape) // SIDE)
    return pixels[::step, ::step].copy()


def true_colour(
    red: npt.NDArray[np.uint16],
    green: npt.NDArray[np.uint16],
    blue: npt.NDArray[np.uint16],
) -> bytes:
    """JPEG of three thinned bands, brightened for the eye (gamma 1.6)."""
    stack = np.stack([red, green, blue], axis=-1).astype(np.float32) / _BRIGHTEST_DN
    return encode_jpeg((np.clip(stack, 0, 1) ** (1 / 1.6) * 255).astype(np.uint8))


def land_cover(codes: npt.NDArray[np.uint16]) -> bytes:
    """PNG of thinned CORINE codes in the official colours; 999 is white."""
    palette = np.full((NO_POLYGON + 1, 3), 255, dtype=np.uint8)
    for code, colour in COLOUR_OF_CODE.items():
        palette[code] = colour
    picture = Image.fromarray(palette[codes]).quantize(len(COLOUR_OF_CODE) + 1)
    content = io.BytesIO()
    picture.save(content, "PNG", optimize=True)
    return content.getvalue()


def encode_jpeg(pixels: npt.NDArray[np.uint8]) -> bytes:
    """JPEG of an RGB array (rows, cols, 3), of at most ``MAX_BYTES``."""
    for quality in (85, 75, 60, 45, 30, 15):
        content = io.BytesIO()
        Image.fromarray(pixels).save(content, "JPEG", quality=quality, optimize=True)
        if content.tell() <= MAX_BYTES:
            break
    return content.getvalue()
