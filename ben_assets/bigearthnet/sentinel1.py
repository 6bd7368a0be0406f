"""The Sentinel-1 patches of BigEarthNet v1, held against what they must be.

Source of size, data type and resolution: BigEarthNet-S1 v1.0 (dB in float32, 10 m).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ben_assets.bigearthnet.bands import PATCH_SIZE_M
from ben_assets.bigearthnet.geotiff_reading import OneBand

_GSD_M: Final = 10
_SIDE: Final = PATCH_SIZE_M // _GSD_M


def s1_problem(raster: OneBand, epsg: int, corner: tuple[int, int]) -> str:
    """What is wrong with a Sentinel-1 file of a patch; empty if nothing is.

    Args:
        raster: one polarization.
        epsg: UTM zone of the patch.
        corner: upper left (x, y) of the patch in metres.
    """
    comparisons = (
        ("size", (_SIDE, _SIDE), raster.pixels.shape),
        ("data type", "float32", raster.pixels.dtype.name),
        ("CRS", epsg, raster.epsg),
        ("upper left corner", corner, raster.corner),
        ("pixel size", (_GSD_M, -_GSD_M), raster.pixel_size),
    )
    for what, expected, found in comparisons:
        if expected != found:
            return f"expected {what} {expected}, found {found}"
    return "" if np.isfinite(raster.pixels).any() else "no measured pixel"
