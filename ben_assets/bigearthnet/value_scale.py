"""The scale that digital numbers are stored in, whatever offset a product has.

Since processing baseline 04.00 a product states an offset per band: reflectance is
``(DN + offset) / quantification``. BigEarthNet v2 was made from products without one.
Source: Sentinel-2 Products Specification Document, issue 14.9 (BOA_ADD_OFFSET).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from ben_assets.bigearthnet.bands import NODATA

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
