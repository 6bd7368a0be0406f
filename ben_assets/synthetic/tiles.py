"""The tiles of the synthetic data set: names, places and times of products.

Tile names, UTM corners, relative orbits and absolute orbit numbers are those of the
real system; the sensing times are not among the 125 tiles of BigEarthNet v2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
    v1_of_cell: Mapping[tuple[int, int], tuple[str, ...]] = field(default_factory=dict)
    """Sensing starts of the v1 patches on cells (column, row) that are special."""
    has_nodata_edge: bool = False
    """Whether the swath ends in the tile, leaving a wedge without data."""
    nodata_pixels: tuple[tuple[str, int, int], ...] = ()
    """Single pixels without data: band, row and column in that band's raster."""
    failed_quality: tuple[str, ...] = ()
    """Quality checks that its product failed."""
    has_land_cover_cases: bool = False
    """Whether each cell has a land cover of ``land_cover_cases`` of its own."""
    own_side_m: int | None = None
    """Side in metres, where it is not that of the data set's other tiles."""

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
        """The tile's upper left metres, ``side_m`` or its own side squared."""
        side_m = self.own_side_m or side_m
        return TileGeocoding(self.l1c_name.epsg, self.ulx, self.uly, side_m)


DEMO_TILES: Final = (
    DemoTile(
        "S2A_MSIL1C_20180718T101031_N0206_R022_T33UUP_20180718T123113",
        ulx=300_000,
        uly=5_400_000,
        absolute_orbit=16_035,
        v1_sensing="20170723T101031",
        v1_other_season="20171210T101411",
        v1_of_cell={(2, 2): ("20180601T000000",), (3, 3): ("20180831T000000",)},
        has_nodata_edge=True,
    ),
    DemoTile(
        "S2B_MSIL1C_20180416T105029_N0206_R051_T31UGQ_20180416T125322",
        ulx=699_960,
        uly=5_500_020,
        absolute_orbit=5_797,
        v1_sensing="20180421T105031",
        v1_other_season="20170829T105021",
        v1_of_cell={(2, 2): ("20180301T000000",), (3, 3): ("20180531T000000",)},
    ),
)
"""A summer tile in Bavaria, nearest to Austria, and a spring tile on the border of
Belgium and Luxembourg."""

CASE_TILES: Final = (
    DemoTile(
        "S2A_MSIL1C_20180531T105031_N0206_R051_T31UGP_20180531T125322",
        ulx=699_960,
        uly=5_400_000,
        absolute_orbit=15_349,
        v1_of_cell={
            (0, 0): ("20171210T105421",),
            (1, 0): ("20170831T105021",),  # winter: the last day after midnight
            (2, 0): ("20171130T000001",),  # winter as well
            (0, 1): ("20180531T105031", "20180530T105021"),
            (1, 1): ("20180228T235959",),
            (2, 1): ("20171201T000000",),
            (1, 2): ("20171231T000000",),
            (2, 2): ("20180531T000000",),  # spring: the last day at midnight
        },
        has_land_cover_cases=True,
        own_side_m=3_960,
    ),
    DemoTile(
        "S2B_MSIL1C_20170921T093029_N0206_R136_T34TEN_20170921T113112",
        ulx=499_980,
        uly=4_800_000,
        absolute_orbit=2_828,
        v1_of_cell={
            (0, 0): ("20170901T000000",),
            (1, 0): ("20171130T000000",),
            (2, 0): ("20171130T000002",),
            (0, 1): ("20171005T093031",),
            (1, 1): ("20171005T093031",),
            (2, 1): ("20171005T093031",),
            (1, 2): ("20170831T000000",),
            (2, 2): ("20170831T235959",),
        },
        # the last column of cell (1, 1), and beside cell (2, 1) beyond the grid
        nodata_pixels=(("B08", 180, 239), ("B01", 30, 60)),
        failed_quality=("RADIOMETRIC_QUALITY",),
        own_side_m=4_020,
    ),
    DemoTile(
        "S2A_MSIL1C_20181210T082331_N0206_R121_T34HBH_20181210T103112",
        ulx=199_980,
        uly=6_300_000,
        absolute_orbit=18_107,
        alignment="none",
        own_side_m=4_140,
    ),
)
"""Small tiles for what the others do not decide: a tile of 31 May, which is of winter,
at equal distance of Belgium and Luxembourg; one of fall on the border of Serbia and
Kosovo whose product failed a quality check; an own tile south of the equator.

Their sides place centres of patches close to both borders of the splits, on both sides.
"""

GOLDEN_TILES: Final = (*DEMO_TILES, *CASE_TILES)
"""The data set of the demo, whose digests are in ``tracked-artifacts/synthetic``."""

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
