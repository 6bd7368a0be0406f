"""The processing parameters (GIPP) of sen2cor 2.11: its defaults, stated in full.

A run that states all of its parameters gives the same pixels on every machine,
whatever a user's own configuration says. Values: the defaults of Sen2Cor 2.11.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from xml.etree import ElementTree

_Values = Mapping[str, "str | _Values"]

_SCHEME_VERSIONS: Final = ("14.2", "14.6", "14.7", "14.8", "14.9")
_SCHEMES: Final[_Values] = {
    "UP_Scheme_1C": "S2_User_Product_Level-1C_Metadata",
    "UP_Scheme_2A": "S2_User_Product_Level-2A_Metadata",
    "Tile_Scheme_1C": "S2_PDI_Level-1C_Tile_Metadata",
    "Tile_Scheme_2A": "S2_PDI_Level-2A_Tile_Metadata",
    "DS_Scheme_1C": "S2_PDI_Level-1C_Datastrip_Metadata",
    "DS_Scheme_2A": "S2_PDI_Level-2A_Datastrip_Metadata",
}
_BEFORE_SCHEMES: Final[_Values] = {
    "Log_Level": "INFO",
    "Region_Of_Interest": {
        "row0": "OFF",
        "col0": "OFF",
        "nrow_win": "1200",
        "ncol_win": "1200",
    },
    "Product_DOI": "https://doi.org/10.5270/S2_-znk9xsj",
    "Nr_Threads": "AUTO",
    "Product_Generator": "NONE",
    "DEM_Directory": "NONE",
    "DEM_Reference": "NONE",
    "Generate_DEM_Output": "FALSE",
    "Force_Exit_On_DEM_Error": "FALSE",
    "Generate_TCI_Output": "TRUE",
    "Generate_DDV_Output": "FALSE",
    "Handle_L1C_QLT_Mask": "FALSE",
    "Downsample_20_to_60": "TRUE",
    "PSD_Version": "DEFAULT",
}
_AFTER_SCHEMES: Final[_Values] = {
    "GIPP_Scheme": "L2A_GIPP",
    "SC_Scheme": "L2A_CAL_SC_GIPP",
    "AC_Scheme": "L2A_CAL_AC_GIPP",
    "PB_Scheme": "L2A_PB_GIPP",
    "QI_Scheme": "L2A_QUALITY",
}
_PROCESSING: Final[_Values] = {
    "Scene_Classification": {"Filters": {"Median_Filter": "0"}},
    "Atmospheric_Correction": {
        "Look_Up_Tables": {
            "Aerosol_Type": "RURAL",
            "Mid_Latitude": "SUMMER",
            "Ozone_Content": "0",
        },
        "Flags": {
            "WV_Correction": "1",
            "VIS_Update_Mode": "1",
            "WV_Watermask": "1",
            "Cirrus_Correction": "FALSE",
            "DEM_Terrain_Correction": "TRUE",
            "BRDF_Correction": "0",
            "BRDF_Lower_Bound": "0.22",
        },
        "Calibration": {
            "Adj_Km": "1.000",
            "Visibility": "40.0",
            "Altitude": "0.100",
            "Smooth_WV_Map": "100.0",
            "WV_Threshold_Cirrus": "0.25",
            "Database_Compression_Level": "0",
        },
    },
}
_THREADS: Final = re.compile(rb"(<Nr_Threads>)[^<]*(</Nr_Threads>)")


def default_gipp() -> bytes:
    """The defaults of sen2cor 2.11 as an ``L2A_GIPP.xml``."""
    root = ElementTree.Element("Level-2A_Ground_Image_Processing_Parameter")
    common = ElementTree.SubElement(root, "Common_Section")
    _add(common, _BEFORE_SCHEMES)
    for version in _SCHEME_VERSIONS:
        reference = f"S2-PDGS-TAS-DI-PSD-V{version}_Schema"
        attributes = {"PSD_Version": version, "PSD_Reference": reference}
        _add(ElementTree.SubElement(common, "PSD_Scheme", attributes), _SCHEMES)
    _add(common, _AFTER_SCHEMES)
    _add(root, _PROCESSING)
    ElementTree.indent(root)
    text: str = ElementTree.tostring(root, "unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def with_threads(gipp: bytes, threads: int) -> bytes:
    """The same parameters with another number of threads."""
    return _THREADS.sub(rb"\g<1>%d\g<2>" % threads, gipp)


def _add(parent: ElementTree.Element, values: _Values) -> None:
    for tag, value in values.items():
        element = ElementTree.SubElement(parent, tag)
        if isinstance(value, str):
            element.text = value
        else:
            _add(element, value)
