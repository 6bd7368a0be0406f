"""Where an MGRS tile of Sentinel-2 lies, by its name alone.

Source: the letters of the Military Grid Reference System (NGA.STND.0037, WGS 84); that
a tile reaches 109.8 km to the right and down from the upper left corner of its square,
moved outwards to whole 60 m from the false origin, was seen in product metadata.
"""

from __future__ import annotations

import math
from typing import Final

from ben_assets.bigearthnet.patch_grid import FULL_TILE_SIDE_M, TileGeocoding
from ben_assets.bigearthnet.product_names import epsg_of_mgrs

_SQUARE_M: Final = 100_000
_COARSEST_M: Final = 60
_COLUMNS: Final = ("STUVWXYZ", "ABCDEFGH", "JKLMNPQR")  # by the zone modulo 3
_ROWS: Final = "ABCDEFGHJKLMNPQRSTUV"
_FIRST_ROW: Final = (5, 0)  # of the equator, in even zones and in odd ones
_BANDS: Final = "CDEFGHJKLMNPQRSTUVWX"
_DEGREES_OF_BAND: Final = 8
_SOUTHERNMOST: Final = -80
_METRES_OF_DEGREE: Final = 111_000  # of a meridian, roughly
_FALSE_NORTHING_M: Final = 10_000_000


def grid_of_mgrs(mgrs: str) -> TileGeocoding:
    """The full-size tile of an MGRS tile id.

    >>> grid_of_mgrs("33UUU")
    TileGeocoding(epsg=32633, ulx=300000, uly=5900040, side_m=109800)
    >>> grid_of_mgrs("07HFE")
    TileGeocoding(epsg=32707, ulx=600000, uly=6500020, side_m=109800)

    Args:
        mgrs: without the leading ``T``.

    Returns:
        In the tile's UTM zone, metres.
    """
    epsg, zone = epsg_of_mgrs(mgrs), int(mgrs[:2])
    easting = (_COLUMNS[zone % 3].index(mgrs[3]) + 1) * _SQUARE_M
    top = _northing(mgrs[2], mgrs[4], zone) + _SQUARE_M
    is_north = epsg < 32700
    return TileGeocoding(
        epsg,
        easting // _COARSEST_M * _COARSEST_M,
        math.ceil(top / _COARSEST_M) * _COARSEST_M
        + (0 if is_north else _FALSE_NORTHING_M),
        FULL_TILE_SIDE_M,
    )


def _northing(band: str, row: str, zone: int) -> int:
    """Metres from the equator to the lower side of a square, negative in the south.

    Rows repeat every 2,000 km, so the one nearest to its latitude band is meant.
    """
    cycle = len(_ROWS) * _SQUARE_M
    first = (_ROWS.index(row) - _FIRST_ROW[zone % 2]) * _SQUARE_M
    middle = _SOUTHERNMOST + (_BANDS.index(band) + 0.5) * _DEGREES_OF_BAND
    return first + round((middle * _METRES_OF_DEGREE - first) / cycle) * cycle
