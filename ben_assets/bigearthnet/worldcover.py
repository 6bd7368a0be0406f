"""The files of ESA WorldCover: squares of 3 x 3 degrees, by their lower left corners.

Source: product user manuals of the versions 1.0 (2020) and 2.0 (2021).
"""

from __future__ import annotations

import math
from typing import Final

LEGEND: Final = "worldcover"
"""Its legend among those that come along."""
WORLDCOVER_FILES: Final = "ESA_WorldCover_*.tif"
"""What its files are called, as a pattern."""
ADDRESS: Final = "https://esa-worldcover.s3.eu-central-1.amazonaws.com"
"""ESA's public bucket."""

_SIDE_DEGREES: Final = 3
_VERSIONS: Final = {2020: "v100", 2021: "v200"}
_NEWEST: Final = 2021


def worldcover_name(longitude: float, latitude: float, year: int = _NEWEST) -> str:
    """Name of the file that a place lies in.

    >>> worldcover_name(13.4, 52.5)
    'ESA_WorldCover_10m_2021_v200_N51E012_Map.tif'
    >>> worldcover_name(-70.7, -33.4, 2020)
    'ESA_WorldCover_10m_2020_v100_S36W072_Map.tif'

    Args:
        longitude: degrees.
        latitude: degrees.
        year: 2020 or 2021; of another there are no files, and 2021 is meant.
    """
    west, south = (
        math.floor(degrees / _SIDE_DEGREES) * _SIDE_DEGREES
        for degrees in (longitude, latitude)
    )
    corner = f"{'NS'[south < 0]}{abs(south):02d}{'EW'[west < 0]}{abs(west):03d}"
    year = year if year in _VERSIONS else _NEWEST
    return f"ESA_WorldCover_10m_{year}_{_VERSIONS[year]}_{corner}_Map.tif"


def worldcover_folder(year: int) -> str:
    """Address of the folder that has the files of a year, with a slash at its end."""
    year = year if year in _VERSIONS else _NEWEST
    return f"{ADDRESS}/{_VERSIONS[year]}/{year}/map/"
