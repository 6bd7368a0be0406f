"""Patches of BigEarthNet v1: their names, sensing times and squares.

Belongs here: what follows from names and corners. Not here: reading v1's files.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import geopandas as gpd
import shapely

from ben_assets.bigearthnet.bands import PATCH_SIZE_M
from ben_assets.bigearthnet.errors import InvalidInput, InvalidProductName

_NAME: Final = re.compile(
    r"S2[AB]_MSIL2A_(\d{4})(\d\d)(\d\d)T(\d{5,6})_\d{1,2}_\d{1,2}"
)
_LAST_SECOND: Final = 59


@dataclass(frozen=True)
class V1Footprint:
    """Where a v1 patch lies."""

    name: str
    """Such as ``S2A_MSIL2A_20170613T101031_0_45``."""
    epsg: int
    """EPSG code of its UTM zone."""
    bounds: tuple[float, float, float, float]
    """West, south, east and north in metres."""


def is_v1_name(name: str) -> bool:
    """Whether a text is the name of a v1 patch.

    >>> is_v1_name("S2B_MSIL2A_20180204T94160_66_57"), is_v1_name("S2B_66_57")
    (True, False)
    """
    return _NAME.fullmatch(name) is not None


def v1_sensing_time(name: str) -> datetime:
    """Sensing time of a v1 patch, from its name, UTC.

    Hours before ten have one digit, and seconds can be more than 59, which count as 59
    (docs/rules.md#time-and-season).

    >>> v1_sensing_time("S2B_MSIL2A_20180204T94160_66_57").isoformat()
    '2018-02-04T09:41:59+00:00'

    Raises:
        InvalidProductName: not the name of a v1 patch, or a time that does not exist.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise InvalidProductName(
            f"{name!r} is not the name of a BigEarthNet v1 patch; expected "
            "S2x_MSIL2A_YYYYMMDDTHHMMSS_<column>_<row>"
        )
    year, month, day, clock = match.groups()
    hour, minute, second = clock[:-4], clock[-4:-2], min(int(clock[-2:]), _LAST_SECOND)
    try:
        return datetime(
            int(year), int(month), int(day), int(hour), int(minute), second, tzinfo=UTC
        )
    except ValueError as error:
        raise InvalidProductName(f"{name!r}: no such time: {error}") from error


def footprint_table(footprints: Sequence[V1Footprint]) -> gpd.GeoDataFrame:
    """The table of one zone's v1 patches, sorted by name.

    Args:
        footprints: at least one; all of the same zone.

    Returns:
        Columns patch_name, sensing_time (ms, UTC) and geom: each square as a
        multipolygon that begins in its upper left corner and goes down first.

    Raises:
        InvalidInput: a patch is there twice, or is no square of 1200 m.
    """
    ordered = sorted(footprints, key=lambda one: one.name)
    names = [one.name for one in ordered]
    for one, following in itertools.pairwise(ordered):
        if one.name == following.name:
            raise InvalidInput(
                f"BigEarthNet v1 patch {one.name}: expected it once, found two; "
                "extract v1 into one folder"
            )
    table = gpd.GeoDataFrame(
        {
            "patch_name": names,
            "sensing_time": [v1_sensing_time(name) for name in names],
        },
        geometry=[_square(one) for one in ordered],
        crs=ordered[0].epsg,
    ).rename_geometry("geom")
    table["sensing_time"] = table["sensing_time"].astype("datetime64[ms, UTC]")
    return table


def _square(footprint: V1Footprint) -> shapely.MultiPolygon:
    west, south, east, north = footprint.bounds
    if (east - west, north - south) != (PATCH_SIZE_M, PATCH_SIZE_M):
        raise InvalidInput(
            f"BigEarthNet v1 patch {footprint.name}: expected a square of "
            f"{PATCH_SIZE_M} m, found {east - west} m by {north - south} m"
        )
    ring = [(west, north), (west, south), (east, south), (east, north), (west, north)]
    return shapely.MultiPolygon([shapely.Polygon(ring)])
