"""The XML metadata of a ``.SAFE`` product, as text.

Belongs here: what the metadata files say. Not here: rasters, folders and checksums.
Source: Sentinel-2 Products Specification Document, compact format, PSD 14.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from xml.sax.saxutils import escape

from pyproj import Transformer

from ben_assets.bigearthnet.bands import L1C_BANDS, NODATA
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.synthetic.safe_description import ProductDescription

_XML: Final = '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
_PSD: Final = "https://psd-{}.sentinel2.eo.esa.int/PSD"
_FIRST_OF_PSD_15: Final = "05.11"
_SEN2COR_BASELINE: Final = "99.99"
_OFFSET: Final = {
    "L1C": ("Radiometric_Offset_List", "RADIO_ADD_OFFSET"),
    "L2A": ("BOA_ADD_OFFSET_VALUES_LIST", "BOA_ADD_OFFSET"),
}
"""Level to the list of offsets and to its element."""
_QUANTIFICATION: Final = {
    "L1C": '<QUANTIFICATION_VALUE unit="none">10000</QUANTIFICATION_VALUE>',
    "L2A": """<QUANTIFICATION_VALUES_LIST>
        <BOA_QUANTIFICATION_VALUE unit="none">10000</BOA_QUANTIFICATION_VALUE>
        <AOT_QUANTIFICATION_VALUE unit="none">1000.0</AOT_QUANTIFICATION_VALUE>
        <WVP_QUANTIFICATION_VALUE unit="cm">1000.0</WVP_QUANTIFICATION_VALUE>
      </QUANTIFICATION_VALUES_LIST>""",
}


def product_metadata(product: ProductDescription, image_files: Iterable[str]) -> str:
    """Text of ``MTD_MSIL1C.xml`` or ``MTD_MSIL2A.xml``.

    Args:
        product: what to say.
        image_files: paths relative to the product, without ``.jp2``.
    """
    level = f"Level-{product.name.level[1:]}"
    images = _lines(f"<IMAGE_FILE>{file}</IMAGE_FILE>" for file in image_files)
    return f"""{_XML}{_comment(product.processor)}\
<n1:{level}_User_Product xmlns:n1="{_psd(product)}/User_Product_{level}.xsd">
  <n1:General_Info>
    <Product_Info>
      <PRODUCT_START_TIME>{product.start_text}</PRODUCT_START_TIME>
      <PRODUCT_STOP_TIME>{product.start_text}</PRODUCT_STOP_TIME>
      <PRODUCT_URI>{product.name.name}.SAFE</PRODUCT_URI>
      <PROCESSING_LEVEL>{level}</PROCESSING_LEVEL>
      <PRODUCT_TYPE>S2MSI{product.name.level[1:]}</PRODUCT_TYPE>
      <PROCESSING_BASELINE>{product.baseline}</PROCESSING_BASELINE>
      <GENERATION_TIME>{_generation_time(product)}</GENERATION_TIME>
      <PREVIEW_IMAGE_URL>Not applicable</PREVIEW_IMAGE_URL>
      <PREVIEW_GEO_INFO>Not applicable</PREVIEW_GEO_INFO>
      {_datatake(product, "Datatake")}
      <Query_Options completeSingleTile="true">
        <PRODUCT_FORMAT>SAFE_COMPACT</PRODUCT_FORMAT>
      </Query_Options>
      <Product_Organisation>
        <Granule_List>
          <Granule datastripIdentifier="{product.datastrip_id}" \
granuleIdentifier="{product.granule_id}" imageFormat="JPEG2000">
            {images}
          </Granule>
        </Granule_List>
      </Product_Organisation>
    </Product_Info>
    {_image_characteristics(product)}
  </n1:General_Info>
  <n1:Geometric_Info>
    <Product_Footprint>
      <Product_Footprint>
        <Global_Footprint>
          <EXT_POS_LIST>{_footprint(product.geocoding)}</EXT_POS_LIST>
        </Global_Footprint>
      </Product_Footprint>
    </Product_Footprint>
    <Coordinate_Reference_System>
      <GEO_TABLES version="1">EPSG</GEO_TABLES>
      <HORIZONTAL_CS_TYPE>GEOGRAPHIC</HORIZONTAL_CS_TYPE>
    </Coordinate_Reference_System>
  </n1:Geometric_Info>
  {_quality_indicators(product)}
</n1:{level}_User_Product>
"""


def granule_metadata(product: ProductDescription) -> str:
    """Text of the granule's ``MTD_TL.xml``."""
    level, grid = f"Level-{product.name.level[1:]}", product.geocoding
    hemisphere = "N" if grid.epsg < 32700 else "S"
    sizes = _lines(
        f'<Size resolution="{gsd_m}"><NROWS>{grid.pixels(gsd_m)}</NROWS>'
        f"<NCOLS>{grid.pixels(gsd_m)}</NCOLS></Size>"
        for gsd_m in (10, 20, 60)
    )
    positions = _lines(
        f'<Geoposition resolution="{gsd_m}"><ULX>{grid.ulx}</ULX><ULY>{grid.uly}</ULY>'
        f"<XDIM>{gsd_m}</XDIM><YDIM>-{gsd_m}</YDIM></Geoposition>"
        for gsd_m in (10, 20, 60)
    )
    return f"""{_XML}\
<n1:{level}_Tile_ID xmlns:n1="{_psd(product)}/S2_PDI_{level}_Tile_Metadata.xsd">
  <n1:General_Info>
    <TILE_ID metadataLevel="Brief">{product.granule_id}</TILE_ID>
    <DATASTRIP_ID metadataLevel="Standard">{product.datastrip_id}</DATASTRIP_ID>
    <DOWNLINK_PRIORITY metadataLevel="Standard">NOMINAL</DOWNLINK_PRIORITY>
    <SENSING_TIME metadataLevel="Standard">{product.start_text}</SENSING_TIME>
  </n1:General_Info>
  <n1:Geometric_Info>
    <Tile_Geocoding metadataLevel="Brief">
      <HORIZONTAL_CS_NAME>WGS84 / UTM zone {grid.epsg % 100}{hemisphere}\
</HORIZONTAL_CS_NAME>
      <HORIZONTAL_CS_CODE>EPSG:{grid.epsg}</HORIZONTAL_CS_CODE>
      {sizes}
      {positions}
    </Tile_Geocoding>
  </n1:Geometric_Info>
  <n1:Quality_Indicators_Info metadataLevel="Standard">
    <Image_Content_QI>
      <CLOUDY_PIXEL_PERCENTAGE>0</CLOUDY_PIXEL_PERCENTAGE>
      <DEGRADED_MSI_DATA_PERCENTAGE>0</DEGRADED_MSI_DATA_PERCENTAGE>
    </Image_Content_QI>
  </n1:Quality_Indicators_Info>
</n1:{level}_Tile_ID>
"""


def datastrip_metadata(product: ProductDescription) -> str:
    """Text of the datastrip's ``MTD_DS.xml``."""
    level = f"Level-{product.name.level[1:]}"
    return f"""{_XML}\
<n1:{level}_DataStrip_ID xmlns:n1="{_psd(product)}\
/S2_PDI_{level}_Datastrip_Metadata.xsd">
  <n1:General_Info>
    {_datatake(product, "Datatake_Info")}
    <Datastrip_Time_Info metadataLevel="Brief">
      <DATASTRIP_SENSING_START>{product.start_text}</DATASTRIP_SENSING_START>
      <DATASTRIP_SENSING_STOP>{product.start_text}</DATASTRIP_SENSING_STOP>
    </Datastrip_Time_Info>
    <Processing_Info metadataLevel="Expertise">
      <PROCESSING_BASELINE>{product.baseline}</PROCESSING_BASELINE>
    </Processing_Info>
  </n1:General_Info>
  <n1:Image_Data_Info>
    <Tiles_Information metadataLevel="Standard">
      <Tile_List><Tile tileId="{product.granule_id}"/></Tile_List>
    </Tiles_Information>
  </n1:Image_Data_Info>
</n1:{level}_DataStrip_ID>
"""


def _lines(items: Iterable[str]) -> str:
    return "\n".join(items)


def _comment(text: str) -> str:
    return f"<!-- {escape(text).replace('--', '- -')} -->\n" if text else ""


def _generation_time(product: ProductDescription) -> str:
    time = datetime.strptime(product.name.discriminator, "%Y%m%dT%H%M%S")
    return f"{time.isoformat(timespec='microseconds')}Z"


def _datatake(product: ProductDescription, tag: str) -> str:
    at = product.name.acquisition
    orbit = f"{product.absolute_orbit:06d}"
    identifier = f"G{at.mission}_{at.sensing}_{orbit}_N{product.baseline}"
    return f"""<{tag} datatakeIdentifier="{identifier}">
      <SPACECRAFT_NAME>Sentinel-{at.mission[1:]}</SPACECRAFT_NAME>
      <DATATAKE_TYPE>INS-NOBS</DATATAKE_TYPE>
      <DATATAKE_SENSING_START>{product.start_text}</DATATAKE_SENSING_START>
      <SENSING_ORBIT_NUMBER>{int(at.orbit)}</SENSING_ORBIT_NUMBER>
      <SENSING_ORBIT_DIRECTION>DESCENDING</SENSING_ORBIT_DIRECTION>
    </{tag}>"""


def _psd(product: ProductDescription) -> str:
    """Namespace of the issue of the specification that the baseline follows."""
    is_new = _FIRST_OF_PSD_15 <= product.baseline != _SEN2COR_BASELINE
    return _PSD.format(15 if is_new else 14)


def _offsets(product: ProductDescription) -> str:
    """The list of offsets, behind a line break; nothing where there is none."""
    if product.offset == 0:
        return ""
    outer, inner = _OFFSET[product.name.level]
    offsets = _lines(
        f'<{inner} band_id="{number}">{product.offset}</{inner}>'
        for number in range(len(L1C_BANDS))
    )
    return f"\n<{outer}>{offsets}</{outer}>"


def _image_characteristics(product: ProductDescription) -> str:
    bands = _lines(
        f'<Spectral_Information bandId="{number}" '
        f'physicalBand="B{band.name[1:].lstrip("0")}">'
        f"<RESOLUTION>{band.gsd_m}</RESOLUTION></Spectral_Information>"
        for number, band in enumerate(L1C_BANDS)
    )
    special = _lines(
        f"<Special_Values><SPECIAL_VALUE_TEXT>{text}</SPECIAL_VALUE_TEXT>"
        f"<SPECIAL_VALUE_INDEX>{value}</SPECIAL_VALUE_INDEX></Special_Values>"
        for text, value in (("NODATA", NODATA), ("SATURATED", 65535))
    )
    return f"""<Product_Image_Characteristics>
      {special}
      <Image_Display_Order>
        <RED_CHANNEL>3</RED_CHANNEL>
        <GREEN_CHANNEL>2</GREEN_CHANNEL>
        <BLUE_CHANNEL>1</BLUE_CHANNEL>
      </Image_Display_Order>
      {_QUANTIFICATION[product.name.level]}{_offsets(product)}
      <Spectral_Information_List>
        {bands}
      </Spectral_Information_List>
    </Product_Image_Characteristics>"""


def _footprint(grid: TileGeocoding) -> str:
    """Corners as ``lat lon`` pairs in degrees, closed."""
    west, south, east, north = grid.bounds()
    to_degrees = Transformer.from_crs(grid.epsg, 4326)
    ring = [(west, north), (east, north), (east, south), (west, south), (west, north)]
    corners = [to_degrees.transform(x, y) for x, y in ring]
    return " ".join(f"{lat:.9f} {lon:.9f}" for lat, lon in corners)


def _quality_indicators(product: ProductDescription) -> str:
    form = (
        '<quality_check checkType="{}">{}</quality_check>'
        if product.name.level == "L2A"
        else "<{0}_FLAG>{1}</{0}_FLAG>"
    )
    inspections = _lines(form.format(*item) for item in product.quality.items())
    return f"""<n1:Quality_Indicators_Info>
    <Cloud_Coverage_Assessment>0.0</Cloud_Coverage_Assessment>
    <Technical_Quality_Assessment>
      <DEGRADED_ANC_DATA_PERCENTAGE>0.0</DEGRADED_ANC_DATA_PERCENTAGE>
      <DEGRADED_MSI_DATA_PERCENTAGE>0</DEGRADED_MSI_DATA_PERCENTAGE>
    </Technical_Quality_Assessment>
    <Quality_Control_Checks>
      <Quality_Inspections>
        {inspections}
      </Quality_Inspections>
      <Failed_Inspections/>
    </Quality_Control_Checks>
  </n1:Quality_Indicators_Info>"""
