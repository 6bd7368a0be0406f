"""Whether what a processor left in its output folder is the whole L2A product."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import rasterio
from rasterio.errors import RasterioIOError

from ben_assets.bigearthnet.bands import BANDS, Band
from ben_assets.bigearthnet.errors import InvalidInput, UnexpectedRaster
from ben_assets.safe.band_rasters import raster_problems, read_band
from ben_assets.safe.jp2 import codestream_digest
from ben_assets.safe.l1c import L1CProduct
from ben_assets.safe.l2a import (
    L2A_METADATA,
    L2AProduct,
    image_files,
    read_l2a,
)
from ben_assets.safe.xml_files import parse_xml

_BAND_IMAGE: Final = re.compile(r"_(B\d[\dA])_(\d0)m$")


def verify_output(folder: Path, l1c: L1CProduct) -> L2AProduct:
    """The one L2A product in ``folder``, made of ``l1c`` and whole.

    Whole: metadata with quality indicators; the 12 bands in native resolution decode
    and hold measured pixels; each further band image that the metadata list is
    readable, of the right size and CRS, and not cut short.

    Raises:
        BenError: it is not; says what is wrong with which file.
    """
    products = sorted(path for path in folder.glob("S2*_MSIL2A_*.SAFE"))
    if len(products) != 1:
        raise InvalidInput(
            f"expected exactly one L2A .SAFE in {folder.name}, found "
            f"{', '.join(path.name for path in products) or 'none'}"
        )
    product = read_l2a(products[0])
    _require_same_tile(product, l1c)
    if not product.quality:
        raise InvalidInput(f"{product.path / L2A_METADATA}: no quality indicators")
    _verify_band_images(product)
    for band in BANDS:
        if not read_band(product, band).any():
            raise UnexpectedRaster(
                f"{product.band_files[band.name].name}: no measured pixel"
            )
    return product


def _require_same_tile(product: L2AProduct, l1c: L1CProduct) -> None:
    found = (product.name.acquisition, product.geocoding)
    expected = (l1c.name.acquisition, l1c.geocoding)
    if found != expected:
        raise InvalidInput(
            f"{product.path.name}: expected the acquisition, place and size of its L1C "
            f"product, {expected}, found {found}"
        )


def _verify_band_images(product: L2AProduct) -> None:
    listed = image_files(parse_xml(product.path / L2A_METADATA), product.path)
    problems = []
    for path in listed:
        if match := _BAND_IMAGE.search(path.stem):
            problems += _image_problems(product, path, Band(match[1], int(match[2])))
    if problems:
        raise UnexpectedRaster(f"{product.path.name}: " + "; ".join(problems))


def _image_problems(product: L2AProduct, path: Path, band: Band) -> list[str]:
    """What is wrong with one image of a band, in the resolution of ``band``."""
    try:
        codestream_digest(path)
        with rasterio.open(path) as raster:
            return raster_problems(raster, product.geocoding, band, path.name)
    except FileNotFoundError:
        return [f"{path.name} is missing"]
    except UnexpectedRaster as error:
        return [str(error)]
    except RasterioIOError as error:
        return [f"{path.name} is not readable ({error})"]
