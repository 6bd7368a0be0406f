"""The twelve Sentinel-2 bands of a patch, the thirteen of an L1C product, their scale.

Source of names and ground sampling distances: Sentinel-2 User Handbook, table 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

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


SATURATED: Final = 65_535
"""Digital number of a pixel beyond the sensor's range."""

QUANTIFICATION: Final = 10_000
"""Digital number of reflectance 1.0 in the scale of BigEarthNet."""

_VALUES: Final = 1 << 16
_STRIPE_ROWS: Final = 512


class ValueScale(StrEnum):
    """How digital numbers are stored in patches."""

    BIGEARTHNET = "bigearthnet"  # with the offset added, as before baseline 04.00
    AS_DELIVERED = "as_delivered"  # as in the product


def stored_number(offset: int) -> npt.NDArray[np.uint16]:
    """What each digital number becomes in the scale of BigEarthNet: shape (65536,).

    No data stays no data and saturated stays saturated; a measured pixel stays within
    1 to 65534, so that it never turns into one of the two.

    >>> stored_number(-1000)[[0, 1, 1000, 1001, 3000, 65534, 65535]].tolist()
    [0, 1, 1, 1, 2000, 64534, 65535]
    """
    table = np.clip(np.arange(_VALUES) + offset, NODATA + 1, SATURATED - 1)
    table[NODATA], table[SATURATED] = NODATA, SATURATED
    return table.astype(np.uint16)


def to_scale(pixels: npt.NDArray[np.uint16], offset: int, scale: ValueScale) -> None:
    """Bring a band to a scale, in place.

    Args:
        pixels: digital numbers as delivered, shape (rows, cols).
        offset: BOA_ADD_OFFSET of the band.
        scale: the scale wanted.
    """
    if scale is ValueScale.AS_DELIVERED or offset == 0:
        return
    table = stored_number(offset)
    for start in range(0, len(pixels), _STRIPE_ROWS):
        stripe = pixels[start : start + _STRIPE_ROWS]
        stripe[:] = table[stripe]
