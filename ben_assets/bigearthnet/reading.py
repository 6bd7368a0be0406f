"""Patches, reference maps and whole tiles as labelled arrays, for people.

All is lazy: pixels are read from disk when they are asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import rioxarray
import xarray as xr

from ben_assets.bigearthnet.bands import BANDS
from ben_assets.bigearthnet.errors import MissingInput, UnexpectedRaster
from ben_assets.bigearthnet.legend import NO_LAND_COVER
from ben_assets.safe.l2a import read_l2a

_UNITS: Final = "DN, surface reflectance x 10000"  # quantification of all products read


def open_patch(directory: Path) -> xr.Dataset:
    """The bands of a patch at their native resolution, with coordinates and CRS.

    Args:
        directory: ``.../<tile id>/<patch id>``, with the twelve GeoTIFFs of the patch.

    Returns:
        One uint16 variable (DN, 0 is nodata) for each band, ``B01`` to ``B12``; its
        dimensions are ``y_<gsd>m`` and ``x_<gsd>m``, with the pixel centres in metres
        of the tile's UTM zone as coordinates; ``spatial_ref`` holds the CRS.

    Raises:
        MissingInput: a band is not there.
        UnexpectedRaster: a file holds several subdatasets.
    """
    return _bands({b.name: directory / f"{directory.name}_{b.name}.tif" for b in BANDS})


def open_tile(safe: Path) -> xr.Dataset:
    """The bands of a whole L2A product; variables and dimensions as of a patch.

    Args:
        safe: the ``.SAFE`` directory.

    Raises:
        MissingInput: metadata or a band are not there.
        InvalidInput: the metadata break a rule.
    """
    return _bands(read_l2a(safe).band_files)


def open_reference_map(path: Path) -> xr.DataArray:
    """The land cover of a patch: uint16 codes, (y, x), 120 x 120 pixels of 10 m.

    The attribute ``unlabelled_code`` names the code of pixels that the land cover
    leaves open; ``spatial_ref`` holds the CRS.

    Raises:
        MissingInput: the file is not there.
        UnexpectedRaster: it holds several subdatasets.
    """
    raster = _open(path)
    attributes = {"units": "land cover code", "unlabelled_code": NO_LAND_COVER}
    return raster.assign_attrs(attributes).rename("land_cover")


def _bands(files: dict[str, Path]) -> xr.Dataset:
    opened = {}
    for band in BANDS:
        raster = _open(files[band.name]).assign_attrs(units=_UNITS, gsd_m=band.gsd_m)
        opened[band.name] = raster.rename(x=f"x_{band.gsd_m}m", y=f"y_{band.gsd_m}m")
    return xr.Dataset(opened)


def _open(path: Path) -> xr.DataArray:
    if not path.is_file():
        raise MissingInput(
            f"{path} is missing; materialize the asset of its tile again"
        )
    raster = rioxarray.open_rasterio(path, mask_and_scale=False)
    if not isinstance(raster, xr.DataArray):
        raise UnexpectedRaster(f"{path}: expected a raster of one band")
    return raster.squeeze("band", drop=True)
