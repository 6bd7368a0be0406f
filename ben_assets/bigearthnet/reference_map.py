"""Land cover polygons burnt into the 10 m grid of a tile, cut into reference maps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyogrio
import pyogrio.errors
import pyproj
import rasterio.features
import shapely

from ben_assets.bigearthnet.bands import PATCH_SIZE_M, REFERENCE_MAP_PIXELS
from ben_assets.bigearthnet.errors import InvalidInput, MissingInput
from ben_assets.bigearthnet.geotiff import DEFLATED, DeflatedTemplate, encode
from ben_assets.bigearthnet.legend import CLC2018, NO_LAND_COVER, Legend
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.plain_files import require_plain
from ben_assets.bigearthnet.reproject import CORINE_EPSG, corine_bounds, to_utm

LAYER: Final = "U2018_CLC2018_V2020_20u1"
"""Layer of the CORINE 2018 GeoPackage, version 2020_20u1."""

GDAL: Final = "GDAL"
LIBDEFLATE: Final = "libdeflate"
_COMPARED: Final = 16
"""Maps of a tile, at least, that are held against GDAL's if there are so many."""
_TOUCHING_RING: Final = "Ring Self-intersection"


@dataclass(frozen=True)
class ClcPolygons:
    """The CORINE polygons around a tile, in its UTM zone."""

    codes: npt.NDArray[np.uint16]
    """Level 3 codes, shape (n,)."""
    polygons: npt.NDArray[np.object_]
    """Parts of multipolygons, shape (n,), each before those that it wins over."""


def require_geopackage(path: Path) -> None:
    """Hold a file against what the CORINE GeoPackage must be.

    Raises:
        MissingInput: there is no such file.
        InvalidInput: no such layer or column, another CRS, or not a GeoPackage.
    """
    if not path.is_file():
        raise MissingInput(
            f"CORINE Land Cover 2018 is missing: expected {path}; get the GeoPackage "
            "(vector) from https://land.copernicus.eu/en/products/corine-land-cover/"
            "clc2018 and put it there, or set BEN_CLC_PATH"
        )
    require_plain(path)
    try:
        info = pyogrio.read_info(path, layer=LAYER)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise InvalidInput(f"{path}: expected the layer {LAYER}: {error}") from error
    missing = sorted({"Code_18", "ID"} - set(info["fields"]))
    if missing:
        raise InvalidInput(
            f"{path}: layer {LAYER} lacks the column {' and '.join(missing)}; found "
            f"{', '.join(info['fields'])}"
        )
    if info["crs"] != f"EPSG:{CORINE_EPSG}":
        raise InvalidInput(
            f"{path}: expected CRS EPSG:{CORINE_EPSG}, found {info['crs'] or 'none'}"
        )


def read_geopackage(path: Path, grid: TileGeocoding) -> gpd.GeoDataFrame:
    """The CORINE polygons near a tile, through the GeoPackage's spatial index.

    Returns:
        Columns Code_18 and ID (text), geometry in EPSG:3035.

    Raises:
        MissingInput: there is no such file.
        InvalidInput: see ``require_geopackage``.
    """
    require_geopackage(path)
    return pyogrio.read_dataframe(
        path, layer=LAYER, columns=["Code_18", "ID"], bbox=corine_bounds(grid)
    )


def prepare_polygons(
    table: gpd.GeoDataFrame,
    grid: TileGeocoding,
    source: str,
    legend: Legend = CLC2018,
    crs: int | pyproj.CRS = CORINE_EPSG,
) -> ClcPolygons:
    """Transform land cover polygons to the tile's zone, in order of precedence.

    Each part of a multipolygon counts by itself (docs/rules.md#clc-overlay). Where they
    overlap, the lowest ID wins, compared as text in C order, then the lowest code
    (docs/rules.md#reference-map-raster).

    Args:
        table: columns Code_18 and ID, geometry in ``crs``.
        grid: the tile.
        source: names the file in an error.
        legend: the codes that are known.
        crs: of the geometries; vertices alone are transformed.

    Raises:
        InvalidInput: an unknown code, or a polygon that crosses itself.
    """
    ordered = table.sort_values(["ID", "Code_18"], key=_c_order, kind="stable")
    parts, owners = _polygons_in(ordered.geometry.to_numpy())
    polygons = to_utm(parts, crs, grid.epsg)
    near = shapely.intersects(polygons, shapely.box(*grid.bounds()))
    polygons, ordered = polygons[near], ordered.iloc[owners[near]]
    ids = ordered["ID"].to_numpy()
    _require_valid(polygons, ids, source)
    codes = _parse_codes(ordered["Code_18"].to_numpy(), ids, source, legend)
    return ClcPolygons(codes, polygons)


def _polygons_in(
    geometries: npt.NDArray[np.object_],
) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.int64]]:
    """All polygons in geometries, and which geometry each is of.

    Lines and points, which a repair may leave beside polygons, hold no pixel centre.
    """
    parts, owners = geometries, np.arange(len(geometries))
    while (shapely.get_type_id(parts) > shapely.GeometryType.POLYGON).any():
        parts, inner = shapely.get_parts(parts, return_index=True)
        owners = owners[inner]
    is_polygon = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    return parts[is_polygon], owners[is_polygon]


def _c_order(column: pd.Series) -> pd.Series:
    return column.astype(object).fillna("").astype(str).map(str.encode).astype(object)


def _parse_codes(
    texts: npt.NDArray[np.object_],
    ids: npt.NDArray[np.object_],
    source: str,
    legend: Legend,
) -> npt.NDArray[np.uint16]:
    known = {str(code): code for code in legend.classes}
    unknown = [(i, t) for i, t in zip(ids, texts, strict=True) if str(t) not in known]
    if unknown:
        shown = ", ".join(f"{t!r} of polygon {i}" for i, t in unknown[:10])
        raise InvalidInput(
            f"{source}: unknown codes: {shown}; expected one of the {len(known)} codes "
            f"of the legend {legend.name}; use the unchanged file, or a recipe with "
            "another legend"
        )
    return np.array([known[str(text)] for text in texts], dtype=np.uint16)


def _require_valid(
    polygons: npt.NDArray[np.object_], ids: npt.NDArray[np.object_], source: str
) -> None:
    """A ring that touches itself in a point encloses a definite area and may pass."""
    invalid = np.flatnonzero(~shapely.is_valid(polygons))
    reasons = {ids[i]: shapely.is_valid_reason(polygons[i]) for i in invalid}
    crossing = {i: r for i, r in reasons.items() if not r.startswith(_TOUCHING_RING)}
    if crossing:
        shown = "; ".join(f"{i}: {r}" for i, r in sorted(crossing.items())[:10])
        raise InvalidInput(
            f"{source}: {len(crossing)} invalid polygons near the tile ({shown}); "
            "expected polygons without crossing edges; use the unchanged CORINE file "
            "or repair these"
        )


def rasterize(clc: ClcPolygons, grid: TileGeocoding) -> npt.NDArray[np.uint16]:
    """CORINE codes on the tile's 10 m grid: uint16, shape (rows, cols).

    A pixel takes the code of the first polygon that holds its centre, 999 if none does.
    """
    side = grid.pixels(10)
    raster = np.full((side, side), NO_LAND_COVER, dtype=np.uint16)
    if len(clc.codes):
        shapes = [*zip(_as_geojson(clc.polygons), clc.codes.tolist(), strict=True)]
        shapes.reverse()  # what is burnt later overwrites
        rasterio.features.rasterize(shapes, out=raster, transform=grid.transform(10))
    return raster


def _as_geojson(polygons: npt.NDArray[np.object_]) -> Iterator[dict[str, Any]]:
    """Polygons as rasterio reads them; of a million vertices, in half its time.

    Tuples of numbers are what Python's collector need not go through.
    """
    _, xy, (rings, parts) = shapely.to_ragged_array(polygons, include_z=False)
    vertices = list(zip(*xy.T.tolist(), strict=True))
    outlines = [vertices[start:end] for start, end in pairwise(rings.tolist())]
    for start, end in pairwise(parts.tolist()):
        yield {"type": "Polygon", "coordinates": outlines[start:end]}


@dataclass(frozen=True)
class ReferenceMap:
    """The reference map of one patch."""

    cell: tuple[int, int]
    """(column, row) of its patch."""
    content: bytes
    """The GeoTIFF."""
    pixels_of_code: dict[int, int]
    """Land cover code to its number of pixels."""


class MapCutter:
    """Cuts a tile's reference maps out of its raster; several threads may at a time.

    Maps are deflated as GDAL does it, in a tenth of its time. Before the first one that
    is compared for some of the tile's maps; if one differs, GDAL writes them all.
    """

    def __init__(
        self,
        raster: npt.NDArray[np.uint16],
        clc: ClcPolygons | None,
        grid: TileGeocoding,
        cells: Sequence[tuple[int, int]],
    ) -> None:
        """Cut these cells.

        Args:
            raster: land cover codes on the tile's 10 m grid, shape (rows, cols).
            clc: the polygons in it, or None where land cover is a raster, which gives
                every cell a map.
            grid: the tile.
            cells: (column, row) of those that are cut.
        """
        self._raster, self._grid = raster, grid
        self._tree = None if clc is None else shapely.STRtree(clc.polygons)
        self._template = DeflatedTemplate.make(grid.epsg, 10, REFERENCE_MAP_PIXELS)
        compared = cells[:: max(1, len(cells) // _COMPARED)]
        samples = [(self._window(cell), grid.corner(*cell)) for cell in compared]
        self.encoder = (
            LIBDEFLATE if self._template.serves(samples, grid.epsg, 10) else GDAL
        )
        """Name of what deflates the maps."""

    def cut(self, cell: tuple[int, int]) -> ReferenceMap | None:
        """The reference map of a cell (column, row), or None where it has none.

        A patch that no polygon meets has none; one met by polygons that hold none of
        its pixel centres gets a map full of 999 (docs/rules.md#clc-overlay).
        """
        window = self._window(cell)
        counts = np.bincount(window.ravel())
        codes = np.flatnonzero(counts)
        is_open = codes.tolist() == [NO_LAND_COVER]
        if is_open and not self._is_met(cell):
            return None
        pixels_of_code = dict(zip(codes.tolist(), counts[codes].tolist(), strict=True))
        return ReferenceMap(cell, self._encode(window, cell), pixels_of_code)

    def _window(self, cell: tuple[int, int]) -> npt.NDArray[np.uint16]:
        (x, y), n = cell, REFERENCE_MAP_PIXELS
        return self._raster[y * n : (y + 1) * n, x * n : (x + 1) * n]

    def _encode(self, window: npt.NDArray[np.uint16], cell: tuple[int, int]) -> bytes:
        corner = self._grid.corner(*cell)
        if self.encoder == LIBDEFLATE:
            return self._template.encode(window, corner)
        return encode(window, self._grid.epsg, corner, 10, DEFLATED)

    def _is_met(self, cell: tuple[int, int]) -> bool:
        """Whether a polygon meets the cell in more than its edge."""
        if self._tree is None:
            return True
        west, north = self._grid.corner(*cell)
        square = shapely.box(west, north - PATCH_SIZE_M, west + PATCH_SIZE_M, north)
        hits = self._tree.query(square, predicate="intersects")
        near = self._tree.geometries.take(hits)
        return bool((~shapely.touches(near, square)).any())
