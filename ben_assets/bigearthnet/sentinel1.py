"""The Sentinel-1 patches of BigEarthNet v1, held against what they must be.

Source of size, data type and resolution: BigEarthNet-S1 v1.0 (dB in float32, 10 m).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import rasterio
from rasterio.errors import RasterioError

from ben_assets.bigearthnet.bands import PATCH_SIZE_M
from ben_assets.bigearthnet.plain_files import NotAFile, require_plain

_GSD_M: Final = 10
_SIDE: Final = PATCH_SIZE_M // _GSD_M


def s1_problem(path: Path, epsg: int, corner: tuple[int, int]) -> str:
    """What is wrong with a Sentinel-1 file of a patch; empty if nothing is.

    Args:
        path: one polarization, a GeoTIFF.
        epsg: UTM zone of the patch.
        corner: upper left (x, y) of the patch in metres.
    """
    try:
        require_plain(path)
        with rasterio.Env(GDAL_NUM_THREADS="1"), rasterio.open(path) as raster:
            size = (raster.count, raster.height, raster.width)
            transform = raster.transform
            comparisons = (
                ("size", (1, _SIDE, _SIDE), size),
                ("data type", "float32", raster.dtypes[0]),
                ("CRS", epsg, raster.crs.to_epsg() if raster.crs else None),
                ("upper left corner", corner, (transform.c, transform.f)),
                ("pixel size", (_GSD_M, -_GSD_M), (transform.a, transform.e)),
            )
            for what, expected, found in comparisons:
                if expected != found:
                    return f"expected {what} {expected}, found {found}"
            pixels = raster.read(1)
    except (NotAFile, RasterioError) as error:
        return f"not readable ({error.__cause__ or error})"
    return "" if np.isfinite(pixels).any() else "no measured pixel"
