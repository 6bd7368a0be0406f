"""What the metadata of a ``.SAFE`` product say, and the names that follow from it.

Source: Sentinel-2 Products Specification Document, compact naming convention.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.product_names import ProductName

QUALITY_CHECKS: Final = (
    "FORMAT_CORRECTNESS",
    "GENERAL_QUALITY",
    "GEOMETRIC_QUALITY",
    "RADIOMETRIC_QUALITY",
    "SENSOR_QUALITY",
)
"""The quality checks that product metadata state, in their order."""


@dataclass(frozen=True)
class ProductDescription:
    """What the metadata of a product say about it."""

    name: ProductName
    """Its name; the level in it decides the kind of product."""
    start_time: datetime
    """PRODUCT_START_TIME, aware; written in UTC to the millisecond."""
    geocoding: TileGeocoding
    """Position and size of the tile."""
    absolute_orbit: int = 0
    """Absolute orbit number, part of the granule's name."""
    quality: Mapping[str, str] = field(
        default_factory=lambda: dict.fromkeys(QUALITY_CHECKS, "PASSED")
    )
    """Quality check to its result, such as ``PASSED``."""
    offset: int = 0
    """Stated for every band where it is not 0; pixels are written as they are given."""
    processor: str = ""
    """What made the pixels; stated in a comment of the product metadata if given."""

    @property
    def granule(self) -> str:
        """Name of the granule's folder."""
        at = self.name.acquisition
        orbit = f"A{self.absolute_orbit:06d}"
        return f"{self.name.level}_T{at.mgrs}_{orbit}_{at.sensing}"

    @property
    def datastrip(self) -> str:
        """Name of the datastrip's folder."""
        sensing = self.name.acquisition.sensing
        return f"DS_MPS__{self.name.discriminator}_S{sensing}"

    @property
    def baseline(self) -> str:
        """Processing baseline with a dot, such as ``02.06``."""
        return f"{self.name.baseline[:2]}.{self.name.baseline[2:]}"

    def identifier(self, kind: str, rest: str) -> str:
        """Identifier of the granule (``TL``) or datastrip (``DS``)."""
        prefix = f"{self.name.acquisition.mission}_OPER_MSI_{self.name.level}_{kind}"
        return f"{prefix}_MPS__{self.name.discriminator}_{rest}_N{self.baseline}"

    @property
    def granule_id(self) -> str:
        """Identifier of the granule."""
        tile = f"A{self.absolute_orbit:06d}_T{self.name.acquisition.mgrs}"
        return self.identifier("TL", tile)

    @property
    def datastrip_id(self) -> str:
        """Identifier of the datastrip."""
        return self.identifier("DS", f"S{self.name.acquisition.sensing}")

    @property
    def start_text(self) -> str:
        """Start time as ESA writes it: ``2018-07-18T10:10:31.026Z``."""
        time = self.start_time.astimezone(UTC).replace(tzinfo=None)
        return f"{time.isoformat(timespec='milliseconds')}Z"
