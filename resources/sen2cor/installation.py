"""Where sen2cor is installed, which version it is, and the home and GIPP of a run.

A run states all of its processing parameters (GIPP): so it gives the same pixels on
every machine, whatever a user's own configuration says. Values: the defaults of
Sen2Cor 2.11.

Source: ESA's installation and user manual of Sen2Cor 2.11; observed option lists.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from ben_assets.bigearthnet.checksums import sha256_of_bytes
from ben_assets.bigearthnet.errors import LocalResourceError
from ben_assets.bigearthnet.plain_files import read_plain
from resources.settings import Settings

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


REQUIRED_VERSION: Final = "2.11"
"""What BigEarthNet v2 was made with; another one gives other bytes."""

_PROGRAM: Final = "L2A_Process"
_GIPP: Final = "L2A_GIPP.xml"
_CONFIGURATION: Final = "lib/python2.7/site-packages/sen2cor/cfg"
_VERSION: Final = re.compile(
    r"(?:Sen2Cor|Processor|L2A_Process)\b[^\n]{0,40}?(?<![\d.])(\d{1,2})\.(\d+)(?:\.(\d+))?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Installation:
    """A sen2cor on this machine."""

    program: Path
    """The ``L2A_Process`` to execute."""
    home: Path | None
    """``SEN2COR_HOME``: the user's folder with ``cfg`` and ``dem``, if set."""

    def gipp(self) -> bytes:
        """The processing parameters: the user's, the installation's or our own.

        Our own are sen2cor's defaults, for installations that hide their files behind
        a wrapper.
        """
        folders = [self.program.resolve().parents[1] / _CONFIGURATION]
        if self.home is not None:
            folders.insert(0, self.home / "cfg")
        for folder in folders:
            if (folder / _GIPP).is_file():
                return read_plain(folder / _GIPP)
        return default_gipp()

    def prepare_home(self, folder: Path) -> dict[str, str]:
        """Make a home that a run can write to, and the variables that lead there.

        The user's own home may be read-only, and runs side by side must not share one.
        """
        folder.mkdir()
        if self.home is None:
            return {"HOME": str(folder)}
        home = folder / "sen2cor"
        (home / "log").mkdir(parents=True)
        if (self.home / "cfg").is_dir():
            # without modes: a copy of a read-only folder must be writable
            shutil.copytree(self.home / "cfg", home / "cfg", copy_function=_copy)
            for copied in (home / "cfg", *(home / "cfg").rglob("*/")):
                copied.chmod(0o755)
        if (self.home / "dem").is_dir():
            (home / "dem").symlink_to(self.home / "dem")
        return {"HOME": str(folder), "SEN2COR_HOME": str(home)}


def _copy(source: str, target: str) -> None:
    shutil.copyfile(source, target)


def find_installation(settings: Settings) -> Installation:
    """Look for sen2cor in ``SEN2COR_BIN``, in ``SEN2COR_HOME`` and on the PATH.

    Raises:
        LocalResourceError: it is not there; says how to get it.
    """
    home = settings.path("SEN2COR_HOME")
    for candidate in _candidates(settings.text("SEN2COR_BIN"), home, settings):
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return Installation(candidate, home)
    raise LocalResourceError(
        f"sen2cor is not here: expected an executable {_PROGRAM} named by SEN2COR_BIN "
        f"({settings.text('SEN2COR_BIN') or 'not set'}), in SEN2COR_HOME/bin "
        f"({home or 'not set'}) or on the PATH; install it with 'make sen2cor', name "
        "existing L2A products by BEN_L2A_DIR, or, for development only, set "
        "BEN_L2A_PROCESSOR=dark-object"
    )


def _candidates(named: str | None, home: Path | None, settings: Settings) -> list[Path]:
    """Where the program may be. ESA's own SEN2COR_BIN is a folder without it."""
    found: list[Path] = []
    if named is not None:
        at = settings.path("SEN2COR_BIN") or Path(named)
        if not at.is_dir():
            at_path = None if "/" in named else shutil.which(named)
            return [Path(at_path) if at_path else at]
        found += [at / _PROGRAM, at / "bin" / _PROGRAM]
    if home is not None:
        found.append(home / "bin" / _PROGRAM)
    on_path = shutil.which(_PROGRAM)
    return [*found, *([Path(on_path)] if on_path else [])]


def parse_version(text: str) -> str | None:
    """The version that sen2cor states in a text, without leading zeros.

    >>> parse_version("Sentinel-2 Level 2A Processor (Sen2Cor). Version: 2.11.0, ...")
    '2.11.0'
    """
    match = _VERSION.search(text)
    if match is None:
        return None
    return ".".join(str(int(part)) for part in match.groups() if part is not None)


def is_required_version(version: str) -> bool:
    """Whether ``version`` is 2.11, whatever its patch level.

    >>> is_required_version("2.11.0"), is_required_version("2.10")
    (True, False)
    """
    return version.split(".")[:2] == REQUIRED_VERSION.split(".")


def processor_mismatch(processor: str, version: str) -> str | None:
    """How the maker of a product differs from that of BigEarthNet v2, or None."""
    if processor == "sen2cor" and is_required_version(version):
        return None
    found = processor if version == "unknown" else f"{processor} {version}"
    return (
        f"made with {found}, expected sen2cor {REQUIRED_VERSION}: the "
        "product's bytes may differ from those of BigEarthNet"
    )


def write_gipp(content: bytes, path: Path, cores: int) -> str:
    """Write the parameters of a run, with its number of threads.

    Returns:
        SHA-256 of ``content``, so without the threads, which decide no pixel.
    """
    path.write_bytes(with_threads(content, cores))
    return sha256_of_bytes(content)
