"""The ``manifest.safe`` of a product: its files with sizes and MD5 checksums.

Source: SAFE format specification; the form of Sentinel-2 products up to baseline 02.x
(newer ones carry SHA3-256).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final
from xml.sax.saxutils import quoteattr

from ben_assets.bigearthnet.checksums import file_digest
from ben_assets.safe.manifest import MANIFEST
from ben_assets.synthetic.safe_description import ProductDescription

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
