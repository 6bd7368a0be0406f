"""The twelve Sentinel-2 bands of a patch and the thirteen of an L1C product.

Source of names and ground sampling distances: Sentinel-2 User Handbook, table 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PATCH_SIZE_M: Final = 1200
"""Side of a patch on the ground in metres (BigEarthNet)."""

NODATA: Final = 0
"""Digital number of a pixel without a measurement, in L1C and L2A."""


@dataclass(frozen=True)
class Band:
    """One spectral band at its native resolution."""

    name: str
    """Zero-padded name as in file names: ``B01`` to ``B12``, ``B8A``."""
    gsd_m: int
    """Ground sampling distance in metres."""

    @property
    def patch_pixels(self) -> int:
        """Pixels along one side of a patch: 120, 60 or 20."""
        return PATCH_SIZE_M // self.gsd_m


L1C_BANDS: Final = tuple(
    Band(name, gsd_m)
    for name, gsd_m in (
        ("B01", 60),
        ("B02", 10),
        ("B03", 10),
        ("B04", 10),
        ("B05", 20),
        ("B06", 20),
        ("B07", 20),
        ("B08", 10),
        ("B8A", 20),
        ("B09", 60),
        ("B10", 60),
        ("B11", 20),
        ("B12", 20),
    )
)
"""All bands of the instrument, in wavelength order."""

BANDS: Final = tuple(band for band in L1C_BANDS if band.name != "B10")
"""The bands of an L2A product (the cirrus band B10 is not corrected) and of a patch."""

REFERENCE_MAP_PIXELS: Final = PATCH_SIZE_M // 10
"""Pixels along one side of a reference map, which has the 10 m grid."""
