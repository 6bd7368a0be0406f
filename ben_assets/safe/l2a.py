"""Where a ``.SAFE`` product keeps its metadata and band rasters, and how to read them.

Source: Sentinel-2 Products Specification Document; sen2cor 2.11 writes the L2A layout.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from ben_assets.bigearthnet.bands import BANDS, L1C_BANDS, NODATA
from ben_assets.bigearthnet.errors import InvalidInput, MissingInput
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.product_names import ProductName
from ben_assets.bigearthnet.relative_names import stays_inside
from ben_assets.bigearthnet.value_scale import QUANTIFICATION, ValueScale
from ben_assets.safe.xml_files import parse_xml

L2A_METADATA: Final = "MTD_MSIL2A.xml"
GRANULE_METADATA: Final = "MTD_TL.xml"

LABEL_QUALITY_CHECKS: Final = (
    "GENERAL_QUALITY",
    "GEOMETRIC_QUALITY",
    "RADIOMETRIC_QUALITY",
    "SENSOR_QUALITY",
)
"""A product that fails one of these gets no labels (docs/rules.md#labels)."""

_LONGEST_DATATAKE: Final = timedelta(hours=2)
"""A datatake is shorter than an orbit of 100 minutes."""
_MAX_SIDE_PIXELS: Final = 10_980
"""Rows and columns of a tile at 10 m (Sentinel-2 Products Specification Document)."""
_BAND_ID: Final = re.compile(r"[0-9]{1,2}")
_INTEGER: Final = re.compile(r"-?[0-9]{1,9}")
_COORDINATE: Final = re.compile(r"-?[0-9]{1,9}(?:\.0*)?")
_TILE_OF_GRANULE: Final = re.compile(r"_T(\d{2}[A-Z]{3})_")


@dataclass(frozen=True)
class Radiometry:
    """What the digital numbers of a product mean, and which processor decided it.

    Reflectance is ``(DN + offset) / quantification``.
    """

    baseline: str
    """PROCESSING_BASELINE, such as ``05.11``; that of sen2cor is ``99.99``."""
    quantification: int
    """Digital number of reflectance 1.0."""
    offsets: dict[str, int]
    """Band name to its offset, for the 12 bands; 0 before baseline 04.00."""

    @property
    def has_offset(self) -> bool:
        """Whether any band has an offset."""
        return any(self.offsets.values())

    def require_scale(self, product: str, scale: ValueScale, *, needs_v1: bool) -> None:
        """Insist that the digital numbers can be brought to a scale.

        Args:
            product: name of the product, for an error.
            scale: the scale wanted.
            needs_v1: whether the tile is aligned with v1; such products have no offset.

        Raises:
            InvalidInput: another quantification, or an offset where there is none.
        """
        if needs_v1 and self.has_offset:
            raise InvalidInput(
                f"{product}: its digital numbers have an offset "
                f"({sorted(set(self.offsets.values()))}, baseline {self.baseline}); a "
                "tile aligned with v1 needs a product without one, as BigEarthNet v2 "
                "was made from: get the product of 2017 or 2018 with baseline 02.05 or "
                "02.06, or set the alignment of the tile to none"
            )
        if scale is ValueScale.BIGEARTHNET and self.quantification != QUANTIFICATION:
            raise InvalidInput(
                f"{product}: expected the quantification {QUANTIFICATION} of the value "
                f"scale {scale}, found {self.quantification}; set value_scale to "
                f"{ValueScale.AS_DELIVERED} in the recipe"
            )


@dataclass(frozen=True)
class L2AProduct:
    """An L2A product on disk: what its metadata say and where its bands are."""

    path: Path
    """The ``.SAFE`` folder."""
    name: ProductName
    """Its name, from the folder and confirmed by the metadata."""
    start_time: datetime
    """PRODUCT_START_TIME, UTC."""
    geocoding: TileGeocoding
    """Position and size of the tile."""
    quality: dict[str, str]
    """Quality check (such as ``SENSOR_QUALITY``) to its result (``PASSED``)."""
    band_files: dict[str, Path]
    """Band name to its JP2 at native resolution, for the 12 bands."""
    radiometry: Radiometry
    """What its digital numbers mean."""

    @property
    def failed_quality_checks(self) -> dict[str, str]:
        """The checks that keep labels away, with their result or ``missing``."""
        results = {
            name: self.quality.get(name, "missing") for name in LABEL_QUALITY_CHECKS
        }
        return {name: result for name, result in results.items() if result != "PASSED"}


def read_l2a(folder: Path) -> L2AProduct:
    """Read the metadata of an L2A product; the band files are not opened.

    Raises:
        MissingInput: a metadata file or a band file is not there.
        InvalidInput: the metadata contradict the name, each other or the rules.
    """
    name = ProductName.parse(folder.name)
    path = folder / L2A_METADATA
    root = parse_xml(path)
    _require_known_format(root, path)
    uri = ProductName.parse(required_text(root, "PRODUCT_URI", path))
    if (uri.level, uri.acquisition) != ("L2A", name.acquisition) or name.level != "L2A":
        raise InvalidInput(
            f"{folder}: the folder is named as the L2A product {name.name}, but "
            f"{L2A_METADATA} is of {uri.name}; give the product its own name back"
        )
    require_nodata(root, path)
    files = image_files(root, folder)
    return L2AProduct(
        path=folder,
        name=name,
        start_time=read_start_time(root, path, name),
        geocoding=read_geocoding(granule_metadata(folder, files), name),
        quality=quality_results(root),
        band_files=_native_band_files(folder, files),
        radiometry=_radiometry(root, path),
    )


def _require_known_format(root: ElementTree.Element, path: Path) -> None:
    """Refuse the products that ESA made before baseline 02.12.

    Raises:
        InvalidInput: their element names are found.
    """
    if root.find(".//PRODUCT_URI_2A") is not None:
        raise InvalidInput(
            f"{path}: an L2A product of ESA older than baseline 02.12 (it has "
            "PRODUCT_URI_2A in place of PRODUCT_URI), whose format is not read; get "
            "the product of a later baseline, or make it from L1C with sen2cor"
        )


def _radiometry(root: ElementTree.Element, path: Path) -> Radiometry:
    offsets = band_offsets(root, "BOA_ADD_OFFSET", path)
    quantification = positive_number(root, "BOA_QUANTIFICATION_VALUE", path)
    for name, number in {"BOA_QUANTIFICATION_VALUE": quantification, **offsets}.items():
        if number != int(number):
            raise InvalidInput(f"{path}: expected {name} to be whole, found {number}")
    return Radiometry(
        baseline=required_text(root, "PROCESSING_BASELINE", path),
        quantification=int(quantification),
        offsets={band.name: int(offsets[band.name]) for band in BANDS},
    )


def band_offsets(root: ElementTree.Element, tag: str, path: Path) -> dict[str, float]:
    """Offset of each of the 13 bands, 0 where the metadata state none.

    Args:
        root: product metadata.
        tag: RADIO_ADD_OFFSET or BOA_ADD_OFFSET; its band_id counts L1C_BANDS from 0.
        path: names the file in an error.

    Raises:
        InvalidInput: an unknown band_id, or no number.
    """
    offsets = dict.fromkeys((band.name for band in L1C_BANDS), 0.0)
    for element in root.iter(tag):
        band_id = element.get("band_id", "")
        if not _BAND_ID.fullmatch(band_id) or int(band_id) >= len(L1C_BANDS):
            raise InvalidInput(
                f"{path}: expected {tag} of band_id 0 to 12, found {band_id!r}"
            )
        name = L1C_BANDS[int(band_id)].name
        offsets[name] = _number(element.text or "", tag, path)
    return offsets


def positive_number(root: ElementTree.Element, tag: str, path: Path) -> float:
    """The number above 0 in the first element ``tag``.

    Raises:
        InvalidInput: there is no such element, or it holds something else.
    """
    text = required_text(root, tag, path)
    value = _number(text, tag, path)
    if value <= 0:
        raise InvalidInput(f"{path}: expected {tag} above 0, found {text}")
    return value


def _number(text: str, tag: str, path: Path) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise InvalidInput(f"{path}: expected {tag} to be a number: {error}") from error
    if not math.isfinite(value):
        raise InvalidInput(f"{path}: expected {tag} to be a number, found {text}")
    return value


def read_start_time(
    root: ElementTree.Element, path: Path, name: ProductName
) -> datetime:
    """PRODUCT_START_TIME, UTC, of the datatake that the name is of.

    Raises:
        InvalidInput: no time, or one too far from the sensing time in the name.
    """
    start = parse_time(required_text(root, "PRODUCT_START_TIME", path), path)
    if abs(start - name.sensing_time) > _LONGEST_DATATAKE:
        raise InvalidInput(
            f"{path}: expected a PRODUCT_START_TIME near the sensing time of the name, "
            f"{name.sensing_time.isoformat()}, found {start.isoformat()}; the season "
            "follows from it: get the product again"
        )
    return start


def required_text(root: ElementTree.Element, tag: str, path: Path) -> str:
    """Text of the first element ``tag`` at any depth.

    Raises:
        InvalidInput: there is none.
    """
    text = root.findtext(f".//{tag}")
    if text is None or not text.strip():
        raise InvalidInput(f"{path}: expected an element {tag}, found none")
    return text.strip()


def parse_time(text: str, path: Path) -> datetime:
    """An ESA time such as ``2017-06-13T10:10:31.026Z``, with fraction kept, in UTC.

    Raises:
        InvalidInput: another format.
    """
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"{path}: {text!r} is not a time: {error}") from error


def require_nodata(root: ElementTree.Element, path: Path) -> None:
    """Insist on 0 as the digital number of no measurement.

    Raises:
        InvalidInput: another value, or none is stated.
    """
    values = {
        element.findtext("SPECIAL_VALUE_INDEX")
        for element in root.iter("Special_Values")
        if element.findtext("SPECIAL_VALUE_TEXT") == "NODATA"
    }
    if values != {str(NODATA)}:
        raise InvalidInput(
            f"{path}: expected the special value NODATA to be {NODATA}, found "
            f"{sorted(map(str, values)) or 'none'}"
        )


def quality_results(root: ElementTree.Element) -> dict[str, str]:
    """Quality check to its result; where one is stated twice, the worse one.

    Older metadata have elements such as ``SENSOR_QUALITY_FLAG`` in place of
    ``quality_check``.
    """
    stated = [(e.get("checkType", ""), e.text) for e in root.iter("quality_check")]
    for inspections in root.iter("Quality_Inspections"):
        flags = (e for e in inspections if e.tag.endswith("_FLAG"))
        stated += [(e.tag.removesuffix("_FLAG"), e.text) for e in flags]
    results: dict[str, str] = {}
    for name, result in stated:
        if results.get(name, "PASSED") == "PASSED":
            results[name] = (result or "").strip()
    return results


def image_files(root: ElementTree.Element, folder: Path) -> list[Path]:
    """The image files that product metadata list, whether they exist or not.

    Raises:
        InvalidInput: one lies outside ``folder``.
    """
    listed = [e for tag in ("IMAGE_FILE", "IMAGE_FILE_2A") for e in root.iter(tag)]
    names = [f"{(e.text or '').strip()}.jp2" for e in listed]
    for name in names:
        if not stays_inside(name):
            raise InvalidInput(
                f"{folder}: its metadata list an image file outside of it, {name!r}; "
                "get the product again"
            )
    return [folder / name for name in names]


def granule_metadata(folder: Path, files: list[Path]) -> Path:
    """The ``MTD_TL.xml`` of the one granule that ``files`` are in.

    Raises:
        InvalidInput: there is more than one granule, or none.
    """
    granules = {file.relative_to(folder).parts[:2] for file in files}
    if len(granules) != 1:
        raise InvalidInput(
            f"{folder}: expected metadata that list the image files of one granule, "
            f"found {len(granules)}"
        )
    return folder.joinpath(*granules.pop(), GRANULE_METADATA)


def read_geocoding(path: Path, name: ProductName) -> TileGeocoding:
    """Position and size of a tile, from its granule's ``MTD_TL.xml``.

    Raises:
        MissingInput: there is no such file.
        InvalidInput: of another tile or UTM zone than ``name``, or not a square grid.
    """
    root = parse_xml(path)
    tile = _TILE_OF_GRANULE.search(required_text(root, "TILE_ID", path))
    if tile is None or tile[1] != name.acquisition.mgrs:
        raise InvalidInput(
            f"{path}: expected a granule of tile {name.acquisition.mgrs}, found "
            f"{tile[1] if tile else 'none'}; this is another tile's product"
        )
    crs = required_text(root, "HORIZONTAL_CS_CODE", path)
    if crs != f"EPSG:{name.epsg}":
        raise InvalidInput(f"{path}: expected CRS EPSG:{name.epsg}, found {crs}")
    grids = {_grid(root, gsd_m, path) for gsd_m in (10, 20, 60)}
    if len(grids) != 1:
        raise InvalidInput(
            f"{path}: expected one square tile in all resolutions, found upper left "
            f"corners and sides {sorted(grids)}"
        )
    ulx, uly, side_m = grids.pop()
    return TileGeocoding(name.epsg, ulx, uly, side_m)


def _grid(root: ElementTree.Element, gsd_m: int, path: Path) -> tuple[int, int, int]:
    """Upper left x and y and side in metres, as stated for one resolution."""
    size = root.find(f".//Size[@resolution='{gsd_m}']")
    position = root.find(f".//Geoposition[@resolution='{gsd_m}']")
    try:
        if size is None or position is None:
            raise ValueError("no such element")
        rows, cols = (
            _whole(_INTEGER, size.findtext(tag, "")) for tag in ("NROWS", "NCOLS")
        )
        ulx, uly, xdim, ydim = (
            _whole(_COORDINATE, position.findtext(tag, ""))
            for tag in ("ULX", "ULY", "XDIM", "YDIM")
        )
    except ValueError as error:
        raise InvalidInput(
            f"{path}: Size and Geoposition at {gsd_m} m are not readable: {error}"
        ) from error
    if rows != cols or (xdim, ydim) != (gsd_m, -gsd_m):
        raise InvalidInput(
            f"{path}: expected a square north-up grid at {gsd_m} m, found {rows} rows, "
            f"{cols} columns, pixels of {xdim} m x {ydim} m"
        )
    largest = _MAX_SIDE_PIXELS * 10 // gsd_m
    if not 0 < cols <= largest:
        raise InvalidInput(
            f"{path}: expected 1 to {largest} columns at {gsd_m} m, found {cols}; get "
            "the product again"
        )
    return ulx, uly, cols * gsd_m


def _whole(pattern: re.Pattern[str], text: str) -> int:
    """A whole number of few ASCII digits.

    Raises:
        ValueError: it is none.
    """
    if not pattern.fullmatch(text.strip()):
        raise ValueError(f"{text[:40]!r} is not a whole number")
    return int(text.strip().partition(".")[0])


def _native_band_files(folder: Path, files: list[Path]) -> dict[str, Path]:
    by_suffix = {tuple(file.stem.rsplit("_", 2)[-2:]): file for file in files}
    found = {b.name: by_suffix.get((b.name, f"{b.gsd_m}m")) for b in BANDS}
    missing = [
        name for name, file in found.items() if file is None or not file.is_file()
    ]
    if missing:
        raise MissingInput(
            f"{folder}: band files missing in native resolution: {', '.join(missing)}; "
            "the product is incomplete, get or make it again"
        )
    return {name: file for name, file in found.items() if file is not None}
