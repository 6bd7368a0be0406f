"""One patch as a labelled data set, for people who look into the data."""

from __future__ import annotations

from pathlib import Path

import rioxarray
import xarray as xr

from ben_assets.bigearthnet.bands import BANDS, Band
from ben_assets.bigearthnet.errors import MissingInput, UnexpectedRaster


def open_patch(folder: Path) -> xr.Dataset:
    """The bands of a patch at their native resolution, with coordinates and CRS.

    Args:
        folder: ``.../<tile id>/<patch id>``, with the twelve GeoTIFFs of the patch.

    Returns:
        One uint16 variable (DN, 0 is nodata) for each band, ``B01`` to ``B12``; its
        dimensions are ``y_<gsd>m`` and ``x_<gsd>m``, with the pixel centres in metres
        of the tile's UTM zone as coordinates; ``spatial_ref`` holds the CRS.

    Raises:
        MissingInput: a band is not there.
        UnexpectedRaster: a file holds several subdatasets.
    """
    return xr.Dataset({band.name: _open_band(folder, band) for band in BANDS})


def _open_band(folder: Path, band: Band) -> xr.DataArray:
    path = folder / f"{folder.name}_{band.name}.tif"
    if not path.is_file():
        raise MissingInput(f"{path} is missing; materialize patches of its tile again")
    raster = rioxarray.open_rasterio(path, mask_and_scale=False)
    if not isinstance(raster, xr.DataArray):
        raise UnexpectedRaster(f"{path}: expected a raster of one band")
    with raster:
        pixels = raster.squeeze("band", drop=True).load()
    return pixels.rename(x=f"x_{band.gsd_m}m", y=f"y_{band.gsd_m}m")
