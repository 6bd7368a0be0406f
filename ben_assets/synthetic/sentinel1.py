"""The extracted Sentinel-1 root of BigEarthNet v1 in the demo synthetic data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine

from ben_assets.bigearthnet.bands import REFERENCE_MAP_PIXELS
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.synthetic.bigearthnet_v1 import FirstVersionPatch
from ben_assets.synthetic.scene import KINDS

_VV_OF_KIND: Final = {"village": -6.0, "built": -3.5, "water": -20.5, "rock": -9.0}
_VV_OF_FOREST: Final = dict.fromkeys(("broadleaf", "conifer", "mixed"), -9.5)
_VV_ELSEWHERE: Final = -12.0
_VH_BELOW_VV: Final = 6.5


def write_sentinel1(
    root: Path,
    patch: FirstVersionPatch,
    kinds: npt.NDArray[np.uint8],
    grid: TileGeocoding,
) -> None:
    """Write ``<s1_name>/<s1_name>_VV.tif``, ``_VH.tif`` and the JSON file beside them.

    Backscatter in dB, float32, 120 x 120 pixels of 10 m; it depends on the kind of
    ground alone.

    Args:
        root: the Sentinel-1 root.
        patch: the v1 patch whose matching patch it is.
        kinds: kind of ground on the tile's 10 m grid.
        grid: the tile.
    """
    folder = root / patch.s1_name
    folder.mkdir(parents=True)
    x, y = patch.corner
    row, column = (grid.uly - y) // 10, (x - grid.ulx) // 10
    side = REFERENCE_MAP_PIXELS
    ground = kinds[row : row + side, column : column + side]
    vertical = _backscatter()[ground]
    for name, pixels in (("VV", vertical), ("VH", vertical - np.float32(_VH_BELOW_VV))):
        path = folder / f"{patch.s1_name}_{name}.tif"
        _write_tif(path, pixels, Affine(10, 0, x, 0, -10, y), patch.epsg)
    labels = json.dumps({"corresponding_s2_patch": patch.name})
    (folder / f"{patch.s1_name}_labels_metadata.json").write_text(labels)


def _backscatter() -> npt.NDArray[np.float32]:
    values = {**_VV_OF_KIND, **_VV_OF_FOREST}
    return np.array([values.get(kind, _VV_ELSEWHERE) for kind in KINDS], np.float32)


def _write_tif(
    path: Path, pixels: npt.NDArray[np.float32], transform: Affine, epsg: int
) -> None:
    rows, cols = pixels.shape
    profile = {"driver": "GTiff", "count": 1, "dtype": "float32", "compress": "deflate"}
    with rasterio.open(
        path,
        "w",
        **profile,
        height=rows,
        width=cols,
        crs=f"EPSG:{epsg}",
        transform=transform,
    ) as raster:
        raster.write(pixels, 1)
