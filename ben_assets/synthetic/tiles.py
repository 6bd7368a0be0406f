"""The tiles of the synthetic data set: names, places and times of products.

Tile names, UTM corners, relative orbits and absolute orbit numbers are those of the
real system; the sensing times are not among the 125 tiles of BigEarthNet v2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.product_names import ProductName

DEMO_SIDE_M: Final = 6_600
"""Side of a demo tile in metres: 5 x 5 patches and a rest of 600 m."""

_L2A_BASELINE: Final = "9999"  # sen2cor run by a user
_L2A_DISCRIMINATOR: Final = "20240101T000000"  # fixed by the original pipeline


@dataclass(frozen=True)
class DemoTile:
    """One tile of the synthetic data set."""

    name: str
    """The L1C product name."""
    ulx: int
    """Easting of the upper left corner of the MGRS tile in metres."""
    uly: int
    """Northing of that corner in metres."""
    absolute_orbit: int
    """Absolute orbit number of the acquisition."""
    alignment: str = "v1"
    """``v1``, or ``none`` for a tile without matching v1 patches."""
    v1_sensing: str = ""
    """Sensing start of its v1 patches, ``YYYYMMDDTHHMMSS``; of the name's season."""
    v1_other_season: str = ""
    """Sensing start of v1 patches of another season."""
    has_nodata_edge: bool = False
    """Whether the swath ends in the tile, leaving a wedge without data."""

    @property
    def key(self) -> str:
        """The tile key."""
        return self.l1c_name.tile_key

    @property
    def l1c_name(self) -> ProductName:
        """The L1C product name in its parts."""
        return ProductName.parse(self.name)

    @property
    def l2a_name(self) -> ProductName:
        """Name of the L2A product that sen2cor would make."""
        return replace(
            self.l1c_name,
            level="L2A",
            baseline=_L2A_BASELINE,
            discriminator=_L2A_DISCRIMINATOR,
        )

    @property
    def mgrs(self) -> str:
        """MGRS tile id, such as ``33UUP``."""
        return self.l1c_name.acquisition.mgrs

    @property
    def start_time(self) -> datetime:
        """PRODUCT_START_TIME: the name's sensing time and 26 milliseconds, UTC."""
        return self.l1c_name.sensing_time + timedelta(milliseconds=26)

    def geocoding(self, side_m: int) -> TileGeocoding:
        """The tile's upper left ``side_m`` x ``side_m`` metres."""
        return TileGeocoding(self.l1c_name.epsg, self.ulx, self.uly, side_m)


DEMO_TILES: Final = (
    DemoTile(
        "S2A_MSIL1C_20180718T101031_N0206_R022_T33UUP_20180718T123113",
        ulx=300_000,
        uly=5_400_000,
        absolute_orbit=16_035,
        v1_sensing="20170723T101031",
        v1_other_season="20171210T101411",
        has_nodata_edge=True,
    ),
    DemoTile(
        "S2B_MSIL1C_20180416T105029_N0206_R051_T31UGQ_20180416T125322",
        ulx=699_960,
        uly=5_500_020,
        absolute_orbit=5_797,
        v1_sensing="20180421T105031",
        v1_other_season="20170829T105021",
    ),
)
"""A summer tile in Bavaria, nearest to Austria, and a spring tile on the border of
Belgium and Luxembourg."""

OWN_TILE: Final = DemoTile(
    "S2A_MSIL1C_20180805T110621_N0206_R137_T30TVK_20180805T132154",
    ulx=399_960,
    uly=4_500_000,
    absolute_orbit=16_293,
    alignment="none",
)
"""A tile north of Madrid, in a zone without v1 footprints."""


def own_tiles(number: int) -> tuple[DemoTile, ...]:
    """So many acquisitions of :data:`OWN_TILE`'s place, five days apart."""
    first = OWN_TILE.l1c_name
    dates = [first.sensing_time + timedelta(days=5 * n) for n in range(number)]
    before = f"{first.sensing_time:%Y%m%d}"
    return tuple(
        replace(OWN_TILE, name=OWN_TILE.name.replace(before, f"{date:%Y%m%d}"))
        for date in dates
    )
