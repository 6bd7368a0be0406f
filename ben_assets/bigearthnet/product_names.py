"""Grammar of Sentinel-2 product names, tile keys, tile ids and patch ids.

Belongs here: parsing and formatting of names. Not here: folders on disk, grids.
Source: Sentinel-2 Products Specification Document, compact naming convention.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

from ben_assets.bigearthnet.errors import InvalidProductName

_PRODUCT: Final = re.compile(
    r"(?P<mission>S2[A-D])_MSI(?P<level>L1C|L2A)_(?P<sensing>[0-9]{8}T[0-9]{6})"
    r"_N(?P<baseline>[0-9]{4})_R(?P<orbit>[0-9]{3})_T(?P<mgrs>[0-9]{2}[C-HJ-NP-X][A-HJ-NP-Z]{2})"
    r"_(?P<discriminator>[0-9]{8}T[0-9]{6})"
)
_TILE_KEY: Final = re.compile(
    r"T(?P<mgrs>[0-9]{2}[C-HJ-NP-X][A-HJ-NP-Z]{2})_(?P<sensing>[0-9]{8}T[0-9]{6})"
)
_S1_PATCH: Final = re.compile(
    r"(?P<acquisition>S1[A-D]_[0-9A-Z]+(?:_[0-9A-Z]+)*)_[0-9]{2}[A-Z]{3}_[0-9]+_[0-9]+"
)
_PATCH_SUFFIX: Final = re.compile(r"_(?P<column>[0-9]+)_(?P<row>[0-9]+)$")
_NORTHERN_LATITUDE_BANDS: Final = "NPQRSTUVWX"


@dataclass(frozen=True, order=True)
class Acquisition:
    """What identifies one overpass over one MGRS tile, whatever its processing."""

    mission: str
    """Satellite, ``S2A`` to ``S2D``."""
    sensing: str
    """Datatake sensing start, ``YYYYMMDDTHHMMSS``, UTC."""
    orbit: str
    """Relative orbit, three digits."""
    mgrs: str
    """MGRS tile id without the leading ``T``, such as ``33UUP``."""


@dataclass(frozen=True)
class ProductName:
    """A Sentinel-2 product name in its parts, without ``.SAFE``."""

    level: str
    """``L1C`` or ``L2A``."""
    acquisition: Acquisition
    """Satellite, time, orbit and place."""
    baseline: str
    """Processing baseline, four digits (``9999``: sen2cor run by a user)."""
    discriminator: str
    """Last field: tells products of one datatake apart; for L2A a processing time."""

    @classmethod
    def parse(cls, name: str) -> Self:
        """The parts of ``name``, given with or without ``.SAFE``.

        >>> key = "S2A_MSIL1C_20170613T101031_N0205_R022_T33UUP_20170613T101608"
        >>> ProductName.parse(key + ".SAFE").acquisition.mgrs
        '33UUP'

        Raises:
            InvalidProductName: ``name`` is not a Sentinel-2 product name of level
                1C or 2A, or one of its times does not exist.
        """
        match = _PRODUCT.fullmatch(name.removesuffix(".SAFE"))
        if match is None:
            raise InvalidProductName(
                f"{name!r} is not a Sentinel-2 product name; expected "
                "S2x_MSIL1C_YYYYMMDDTHHMMSS_Nxxxx_Rxxx_Txxxxx_YYYYMMDDTHHMMSS[.SAFE] "
                "or the same with MSIL2A"
            )
        product = cls(
            match["level"],
            Acquisition(
                match["mission"], match["sensing"], match["orbit"], match["mgrs"]
            ),
            match["baseline"],
            match["discriminator"],
        )
        product._require_real_values(name)
        return product

    def _require_real_values(self, name: str) -> None:
        try:
            _ = _utc(self.discriminator), self.sensing_time
        except ValueError as error:
            raise InvalidProductName(f"{name!r}: no such time: {error}") from error
        if not 1 <= int(self.acquisition.mgrs[:2]) <= 60:
            raise InvalidProductName(
                f"{name!r}: UTM zones go from 01 to 60, found "
                f"{self.acquisition.mgrs[:2]}"
            )

    @property
    def name(self) -> str:
        """The product name without ``.SAFE``."""
        return f"{self.stem}_{self.discriminator}"

    @property
    def stem(self) -> str:
        """The name up to its MGRS tile; for an L2A product this is the tile id."""
        at = self.acquisition
        return (
            f"{at.mission}_MSI{self.level}_{at.sensing}_N{self.baseline}"
            f"_R{at.orbit}_T{at.mgrs}"
        )

    @property
    def tile_key(self) -> str:
        """The partition key: MGRS tile and sensing time, sorted by place and time.

        >>> name = "S2A_MSIL1C_20170613T101031_N0205_R022_T33UUP_20170613T101608"
        >>> ProductName.parse(name).tile_key
        'T33UUP_20170613T101031'
        """
        return f"T{self.acquisition.mgrs}_{self.acquisition.sensing}"

    @property
    def sensing_time(self) -> datetime:
        """Sensing start of the name, to the second, UTC."""
        return _utc(self.acquisition.sensing)

    @property
    def epsg(self) -> int:
        """EPSG code of the tile's UTM zone on WGS 84.

        >>> name = "S2B_MSIL1C_20170719T000219_N0205_R030_T56JKT_20170719T000218"
        >>> ProductName.parse(name).epsg
        32756
        """
        return epsg_of_mgrs(self.acquisition.mgrs)


def _utc(text: str) -> datetime:
    """The time of ``YYYYMMDDTHHMMSS``; ValueError for one that does not exist."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def epsg_of_mgrs(mgrs: str) -> int:
    """EPSG code of the UTM zone of an MGRS tile id such as ``33UUP``."""
    hemisphere = 32600 if mgrs[2] in _NORTHERN_LATITUDE_BANDS else 32700
    return hemisphere + int(mgrs[:2])


def is_tile_key(text: str) -> bool:
    """Whether a text has the form of a tile key.

    >>> is_tile_key("T33UUP_20170613T101031"), is_tile_key("33UUP")
    (True, False)
    """
    return _TILE_KEY.fullmatch(text) is not None


def place_and_time(key: str) -> tuple[str, datetime]:
    """MGRS tile id and sensing time (UTC) of a tile key.

    >>> place_and_time("T33UUP_20170613T101031")[0]
    '33UUP'

    Raises:
        InvalidProductName: not a tile key.
    """
    match = _TILE_KEY.fullmatch(key)
    if match is None:
        raise InvalidProductName(
            f"{key!r} is not a tile key; expected one such as T33UUP_20170613T101031"
        )
    return match["mgrs"], _utc(match["sensing"])


def patch_id(tile_id: str, column: int, row: int) -> str:
    """The id of the patch ``column`` from the left, ``row`` from the top, both from 0.

    >>> patch_id("S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP", 7, 20)
    'S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_07_20'
    """
    return f"{tile_id}_{column:02d}_{row:02d}"


def tile_id_of_patch(patch: str) -> str:
    """The tile id of a patch id.

    >>> tile_id_of_patch("S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_07_20")
    'S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP'
    """
    return _PATCH_SUFFIX.sub("", patch)


def cell_of_patch(patch: str) -> tuple[int, int]:
    """Column from the left and row from the top of a patch id.

    >>> cell_of_patch("S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_07_20")
    (7, 20)

    Raises:
        InvalidProductName: no column and row at the end.
    """
    match = _PATCH_SUFFIX.search(patch)
    if match is None:
        raise InvalidProductName(
            f"{patch!r} is not a patch id; expected <tile id>_<column>_<row>"
        )
    return int(match["column"]), int(match["row"])


def s1_acquisition(s1_name: str) -> str:
    """The Sentinel-1 acquisition that an S1 patch was cut from.

    >>> s1_acquisition("S1A_IW_GRDH_1SDV_20170613T165043_33UUP_83_83")
    'S1A_IW_GRDH_1SDV_20170613T165043'

    Raises:
        InvalidProductName: another kind of name.
    """
    match = _S1_PATCH.fullmatch(s1_name)
    if match is None:
        raise InvalidProductName(
            f"{s1_name!r} is not a Sentinel-1 patch name; expected "
            "<acquisition>_<MGRS tile>_<column>_<row>, such as "
            "S1A_IW_GRDH_1SDV_20170613T165043_33UUP_83_83"
        )
    return match["acquisition"]
