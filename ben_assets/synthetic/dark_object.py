"""Dark object subtraction: the simplest atmospheric correction that is honest.

Source: P. S. Chavez (1988), An improved dark-object subtraction technique for
atmospheric scattering correction of multispectral data, Remote Sensing of Environment
24, 459-479; the reflectance of 1 % that real dark objects have is from P. S. Chavez
(1996), Photogrammetric Engineering & Remote Sensing 62, 1025-1036.

The darkest pixels of a band should reflect next to nothing. What they show beyond that
is taken for haze and subtracted from all pixels of the band. There is no correction of
absorption, terrain or adjacency: made for development and demonstration, not sen2cor.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from ben_assets.bigearthnet.bands import NODATA
from ben_assets.bigearthnet.value_scale import QUANTIFICATION, SATURATED

DARK_FRACTION: Final = 0.0001
"""Share of a band's measured pixels that count as its dark objects."""

DARK_REFLECTANCE: Final = 0.01
"""Surface reflectance of a dark object."""

_VALUES: Final = 1 << 16
_STRIPE_ROWS: Final = 512


def histogram(pixels: npt.NDArray[np.uint16]) -> npt.NDArray[np.int64]:
    """Number of pixels of each digital number, shape (65536,).

    Args:
        pixels: shape (rows, cols).
    """
    counts = np.zeros(_VALUES, np.int64)
    # By stripes: bincount makes a 64-bit copy of what it counts.
    for start in range(0, len(pixels), _STRIPE_ROWS):
        stripe = pixels[start : start + _STRIPE_ROWS]
        counts += np.bincount(stripe.ravel(), minlength=_VALUES)
    return counts


def dark_number(counts: npt.NDArray[np.int64]) -> int | None:
    """The lowest digital number up to which lies DARK_FRACTION of the measured pixels.

    Args:
        counts: histogram of a band; nodata and saturated pixels do not count.

    Returns:
        None where nothing was measured.
    """
    cumulated = np.cumsum(counts[NODATA + 1 : SATURATED])
    if cumulated[-1] == 0:
        return None
    reached = np.searchsorted(cumulated, max(cumulated[-1] * DARK_FRACTION, 1))
    return NODATA + 1 + int(reached)


def haze(dark: int, quantification: float, offset: float) -> int:
    """What to subtract, in L2A digital numbers; never below 0.

    >>> haze(dark=1100, quantification=10000, offset=0)
    1000
    >>> haze(dark=1100, quantification=10000, offset=-1000)
    0

    Args:
        dark: digital number of the dark objects in L1C.
        quantification: L1C digital number of reflectance 1.0.
        offset: what to add to an L1C digital number before (RADIO_ADD_OFFSET).
    """
    reflectance = (dark + offset) / quantification
    return max(round((reflectance - DARK_REFLECTANCE) * QUANTIFICATION), 0)


def correction_table(
    haze_number: int, quantification: float, offset: float
) -> npt.NDArray[np.uint16]:
    """L2A digital number of each L1C digital number, shape (65536,).

    Nodata stays nodata, saturated stays saturated, and a measured pixel stays within
    1 to 65534: it never turns into one of the two.
    """
    reflectance = (np.arange(_VALUES) + offset) / quantification
    corrected = np.rint(reflectance * QUANTIFICATION) - haze_number
    table: npt.NDArray[np.uint16] = np.clip(
        corrected, NODATA + 1, SATURATED - 1
    ).astype(np.uint16)
    table[NODATA], table[SATURATED] = NODATA, SATURATED
    return table


def subtract_dark_object(
    pixels: npt.NDArray[np.uint16], quantification: float = 10_000, offset: float = 0
) -> int:
    """Correct one band in place; see the module.

    Args:
        pixels: L1C digital numbers, shape (rows, cols); become those of L2A.
        quantification: L1C digital number of reflectance 1.0.
        offset: what to add to an L1C digital number before (RADIO_ADD_OFFSET).

    Returns:
        The haze that was subtracted, in L2A digital numbers (0 without a measurement).
    """
    dark = dark_number(histogram(pixels))
    subtracted = 0 if dark is None else haze(dark, quantification, offset)
    table = correction_table(subtracted, quantification, offset)
    for start in range(0, len(pixels), _STRIPE_ROWS):
        stripe = pixels[start : start + _STRIPE_ROWS]
        stripe[:] = table[stripe]
    return subtracted
