"""The embedded L2A processor: dark object subtraction, no other program needed."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import rasterio

from ben_assets.bigearthnet.bands import BANDS, Band
from ben_assets.bigearthnet.errors import UnexpectedRaster
from ben_assets.safe.band_rasters import BandPixels, read_band
from ben_assets.safe.l1c import L1CProduct, read_l1c
from ben_assets.synthetic.dark_object import (
    DARK_FRACTION,
    DARK_REFLECTANCE,
    subtract_dark_object,
)
from ben_assets.synthetic.safe_description import ProductDescription
from ben_assets.synthetic.safe_writer import write_l2a_product
from resources.sen2cor.processors import (
    DARK_OBJECT,
    L2AProcessor,
    ProcessingResult,
    l2a_name,
)

VERSION: Final = "1"
"""Goes up with every change of its pixels."""

NOT_SEN2COR: Final = (
    "made by dark object subtraction (Chavez 1988), not by sen2cor: for development "
    "and demonstration only, its pixels differ from those of BigEarthNet"
)

# Part of the product's name: fixed, so that the same input gives the same product.
_DISCRIMINATOR: Final = "20240101T000000"


class DarkObject(L2AProcessor):
    """Dark object subtraction, in this process."""

    def __init__(self, cores: int) -> None:
        """Use ``cores`` threads."""
        self._cores = cores

    def process(
        self, l1c_safe: Path, target: Path, log: Callable[[str], None]
    ) -> ProcessingResult:
        """Make the L2A product; see L2AProcessor."""
        started = time.monotonic()
        l1c = read_l1c(l1c_safe)
        log(f"dark-object: {NOT_SEN2COR}")
        pixels, hazes = corrected_bands(l1c, self._cores)
        log("dark-object: 12 bands corrected, writing the product")
        product = write_l2a_product(
            target, l2a_description(l1c), pixels, threads=self._cores
        )
        return ProcessingResult(
            product=product,
            processor=DARK_OBJECT,
            version=VERSION,
            parameters={
                "dark_fraction": DARK_FRACTION,
                "dark_reflectance": DARK_REFLECTANCE,
                "haze": hazes,
            },
            cores=self._cores,
            seconds=time.monotonic() - started,
            peak_memory_bytes=1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            warnings=(NOT_SEN2COR,),
        )


def l2a_description(l1c: L1CProduct) -> ProductDescription:
    """What the metadata of the L2A product say: time, place and quality of the L1C."""
    return ProductDescription(
        name=l2a_name(l1c.name, _DISCRIMINATOR),
        start_time=l1c.start_time,
        geocoding=l1c.geocoding,
        absolute_orbit=l1c.absolute_orbit,
        quality=l1c.quality,
        processor=f"ben-assets dark-object {VERSION}: {NOT_SEN2COR}",
    )


def corrected_bands(
    l1c: L1CProduct, threads: int
) -> tuple[dict[str, BandPixels], dict[str, int]]:
    """Surface reflectance of the 12 bands, and the haze subtracted from each.

    Raises:
        UnexpectedRaster: a band cannot be read or has no measured pixel at all.
    """

    def correct(band: Band) -> tuple[BandPixels, int]:
        # A thread decodes a band alone: the bands together fill the cores.
        with rasterio.Env(GDAL_NUM_THREADS="1"):
            pixels = read_band(l1c, band)
        if not pixels.any():
            raise UnexpectedRaster(
                f"{l1c.band_files[band.name]}: no measured pixel in the whole band; "
                "the product is of no use, choose another acquisition"
            )
        offset = l1c.offsets[band.name]
        return pixels, subtract_dark_object(pixels, l1c.quantification, offset)

    with ThreadPoolExecutor(threads) as pool:
        results = dict(zip(BANDS, pool.map(correct, BANDS), strict=True))
    pixels = {band.name: result[0] for band, result in results.items()}
    return pixels, {band.name: result[1] for band, result in results.items()}
