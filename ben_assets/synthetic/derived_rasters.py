"""Rasters that a product holds beside its bands, and that are made of them."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from ben_assets.bigearthnet.bands import NODATA

_WHITE_DN: Final = 3558  # sen2cor and ESA's L1C processor stretch true colour up to it


def block_mean(pixels: npt.NDArray[np.uint16], factor: int) -> npt.NDArray[np.uint16]:
    """Mean of blocks of ``factor`` x ``factor`` pixels, rounded half up.

    The sides of ``pixels`` must be multiples of ``factor``.
    """
    total = np.full(tuple(n // factor for n in pixels.shape), factor * factor // 2)
    total = total.astype(np.uint32)
    for row in range(factor):
        for column in range(factor):
            total += pixels[row::factor, column::factor]
    return (total // (factor * factor)).astype(np.uint16)


def true_colour(red_green_blue: list[npt.NDArray[np.uint16]]) -> npt.NDArray[np.uint8]:
    """True-colour image, uint8 of shape (3, rows, cols), 0 only where there is nodata.

    Args:
        red_green_blue: B04, B03 and B02 in one resolution, DN with 10000 = 1.0.
    """
    dn = np.arange(65536)
    stretch = np.maximum(np.minimum(dn, _WHITE_DN) * 255 // _WHITE_DN, dn != NODATA)
    table = stretch.astype(np.uint8)
    return np.stack([table[pixels] for pixels in red_green_blue])


def scene_classes(
    red: npt.NDArray[np.uint16], near_infrared: npt.NDArray[np.uint16]
) -> npt.NDArray[np.uint8]:
    """A coarse scene classification in sen2cor's codes.

    0 no data, 4 vegetation, 5 not vegetated, 6 water.
    """
    classes = np.full(red.shape, 5, np.uint8)
    # vegetation: NDVI above 0.4, without division
    classes[near_infrared.astype(np.int32) * 3 > red.astype(np.int32) * 7] = 4
    classes[near_infrared < 1000] = 6
    classes[near_infrared == NODATA] = 0
    return classes
