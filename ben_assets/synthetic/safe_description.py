"""What the metadata and the manifest of a ``.SAFE`` say, and its names.

Source: Sentinel-2 Products Specification Document, compact naming convention.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from xml.sax.saxutils import quoteattr

from ben_assets.bigearthnet.checksums import file_digest
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.product_names import ProductName
from ben_assets.safe.manifest import MANIFEST

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


_MIME_TYPES: Final = {".xml": "text/xml", ".gml": "application/xml"}


def file_names(folder: Path) -> list[str]:
    """Names of all files below ``folder``, relative, with ``/``, sorted bytewise."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(file.relative_to(folder).as_posix() for file in files)


def manifest(folder: Path, product: ProductDescription) -> str:
    """Text of the manifest of all files that are in ``folder`` now, but the manifest.

    Args:
        folder: the ``.SAFE`` folder.
        product: what it is.
    """
    names = [name for name in file_names(folder) if name != MANIFEST]
    level = f"Level-{product.name.level[1:]}"
    units = "\n      ".join(
        f'<xfdu:contentUnit ID="{_identifier(name)}_Unit" unitType="Data Unit">'
        f'<dataObjectPointer dataObjectID="{_identifier(name)}"/></xfdu:contentUnit>'
        for name in names
    )
    objects = "\n    ".join(_data_object(folder, name) for name in names)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<xfdu:XFDU xmlns:xfdu="urn:ccsds:schema:xfdu:1" \
xmlns:safe="http://www.esa.int/safe/sentinel/1.1" \
version="esa/safe/sentinel/1.1/sentinel-2/msi/archive_{product.name.level.lower()}\
_user_product">
  <informationPackageMap>
    <xfdu:contentUnit unitType="Product_{level}" \
textInfo="SENTINEL-2 MSI {level} User Product" dmdID="acquisitionPeriod">
      {units}
    </xfdu:contentUnit>
  </informationPackageMap>
  <metadataSection>
    <metadataObject ID="acquisitionPeriod" classification="DESCRIPTION" \
category="DMD">
      <metadataWrap mimeType="text/xml" vocabularyName="SAFE" \
textInfo="Acquisition Period">
        <xmlData><safe:acquisitionPeriod>\
<safe:startTime>{product.start_text}</safe:startTime>\
</safe:acquisitionPeriod></xmlData>
      </metadataWrap>
    </metadataObject>
  </metadataSection>
  <dataObjectSection>
    {objects}
  </dataObjectSection>
</xfdu:XFDU>
"""


def _data_object(folder: Path, name: str) -> str:
    path = folder / name
    mime_type = _MIME_TYPES.get(path.suffix, "application/octet-stream")
    size = path.stat().st_size
    return (
        f'<dataObject ID="{_identifier(name)}">'
        f'<byteStream mimeType="{mime_type}" size="{size}">'
        f'<fileLocation locatorType="URL" href={quoteattr(f"./{name}")}/>'
        f'<checksum checksumName="MD5">{file_digest(path, "md5")}</checksum>'
        "</byteStream></dataObject>"
    )


def _identifier(name: str) -> str:
    """An XML id for a file: letters, digits, ``_``, ``-`` and ``.`` only."""
    return name.replace("/", "-")
