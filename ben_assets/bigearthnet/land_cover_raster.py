"""Land cover from rasters of any CRS, read at the pixel centres of a tile's 10 m grid.

Bounded memory: the tile is read in stripes, so a raster of a continent costs no more
than one of a town.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pyproj
import rasterio
import rasterio.io
from affine import Affine
from numpy.polynomial import chebyshev
from rasterio.errors import RasterioError
from rasterio.windows import Window

from ben_assets.bigearthnet.errors import InvalidInput, MissingInput
from ben_assets.bigearthnet.legend import NO_LAND_COVER, Legend
from ben_assets.bigearthnet.patch_grid import TileGeocoding

_SUFFIXES: Final = (".tif", ".tiff", ".vrt", ".img")
_STRIPE_ROWS: Final = 122
"""Rows read at a time; 90 stripes make a full tile of 10,980 rows."""
_NODES: Final = 16
_LATTICE: Final = 61
PLACES: Final = _LATTICE**2
"""Places that stand for all of a tile; of a full one, each 1.8 km."""
_DEFAULT_NODATA: Final = 0  # never a code of a legend


def find_rasters(path: Path) -> list[Path]:
    """The raster file of a path, or those of a folder, sorted by name.

    Raises:
        MissingInput: there is none.
    """
    if path.is_file():
        return [path]
    found = sorted(p for p in path.glob("*") if p.suffix.lower() in _SUFFIXES)
    if not found:
        raise MissingInput(
            f"land cover is missing: expected {path} to be a raster or a folder of "
            f"rasters ({', '.join(_SUFFIXES)}); put it there, or correct "
            "land_cover.path in the recipe"
        )
    return found


def rasters_of_tile(path: Path, grid: TileGeocoding) -> list[Path]:
    """Those rasters of a file or folder that may cover part of a tile.

    Raises:
        MissingInput: there is no raster at all.
        InvalidInput: one is no raster of codes with a CRS.
    """
    return [raster for raster in find_rasters(path) if _meets(raster, grid)]


def places_outside(
    rasters: Sequence[Path], grid: TileGeocoding
) -> npt.NDArray[np.float64]:
    """Places of a tile, on a lattice over it, that lie in no raster.

    Whether a raster has a value there is not looked at.

    Args:
        rasters: files.
        grid: the tile.

    Returns:
        Longitude and latitude in EPSG:4326, shape (n, 2), of ``PLACES`` at most.

    Raises:
        InvalidInput: one is no raster of codes with a CRS.
    """
    at = (np.arange(_LATTICE) + 0.5) / _LATTICE * grid.side_m
    x, y = np.meshgrid(grid.ulx + at, grid.uly - at)
    to_degrees = pyproj.Transformer.from_crs(grid.epsg, 4326, always_xy=True)
    places = np.column_stack(to_degrees.transform(x.ravel(), y.ravel()))
    for raster in rasters:
        places = places[~_lie_in(raster, places)]
    return places


def _lie_in(raster: Path, places: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which longitudes and latitudes, shape (n, 2), a raster spans, shape (n,)."""
    with _open(raster) as source:
        crs = pyproj.CRS.from_wkt(source.crs.to_wkt())
        to_raster = pyproj.Transformer.from_crs(4326, crs, always_xy=True)
        columns, rows = ~source.transform * to_raster.transform(*places.T)
        inside: npt.NDArray[np.bool_] = (columns >= 0) & (columns < source.width)
        inside &= (rows >= 0) & (rows < source.height)
        return inside


def require_rasters(path: Path) -> None:
    """Insist on a raster of codes, or a folder of such.

    Raises:
        MissingInput: there is none.
        InvalidInput: one is no raster of codes with a CRS.
    """
    for raster in find_rasters(path):
        _open(raster).close()


def source_files(raster: Path) -> list[Path]:
    """The file of a raster; of a virtual one also the files that it is made of."""
    if raster.suffix.lower() != ".vrt":
        return [raster]
    with _open(raster) as source:
        return [path for name in source.files if (path := Path(name)).is_file()]


def read_codes(
    rasters: Sequence[Path], grid: TileGeocoding, legend: Legend, threads: int
) -> npt.NDArray[np.uint16]:
    """Land cover codes on the tile's 10 m grid: uint16, shape (rows, cols).

    A pixel takes the value of the raster pixel that its centre lies in; 999 where that
    is no data (0 if the raster states no other) or outside of all rasters. Where
    rasters overlap, the first one with a value counts.

    Args:
        rasters: files, in order of precedence.
        grid: the tile.
        legend: the codes that are known.
        threads: stripes read at a time.

    Raises:
        InvalidInput: a value is not of the legend, or a raster is none of codes.
    """
    side = grid.pixels(10)
    codes = np.full((side, side), NO_LAND_COVER, dtype=np.uint16)
    placed = [(raster, at) for raster in rasters for at in _centres(raster, grid)]

    def read_stripe(start: int) -> None:
        stripe = codes[start : start + _STRIPE_ROWS]
        for raster, centres in placed:
            _fill(stripe, raster, centres, start, legend)

    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(read_stripe, range(0, side, _STRIPE_ROWS)):
            pass
    return codes


def _fill(
    stripe: npt.NDArray[np.uint16],
    raster: Path,
    centres: PixelCentres,
    start: int,
    legend: Legend,
) -> None:
    """Put the codes of one raster where a stripe has none yet."""
    is_open = stripe == NO_LAND_COVER
    if not is_open.any():
        return
    with _open(raster) as source:
        nodata = _DEFAULT_NODATA if source.nodata is None else source.nodata
        try:
            values = _values(source, centres, start, len(stripe), nodata)
        except RasterioError as error:
            raise InvalidInput(f"{raster}: cannot be read: {error}") from error
    wanted = is_open & (values != nodata)
    _require_known(values[wanted], legend, raster)
    stripe[wanted] = values[wanted]


def _centres(raster: Path, grid: TileGeocoding) -> list[PixelCentres]:
    """Where a tile lies in a raster; in more ways where it crosses the antimeridian."""
    with _open(raster) as source:
        crs = pyproj.CRS.from_wkt(source.crs.to_wkt())
        is_split = len(list(_boxes(grid, crs))) > 1
        turns = (0, -360, 360) if is_split else (0,)
        return [PixelCentres.of(source.transform, crs, grid, turn) for turn in turns]


@dataclass(frozen=True)
class PixelCentres:
    """Where the pixel centres of a tile's 10 m grid lie in a raster.

    A product of Chebyshev polynomials, one in each direction, stands in for the
    projection: over a tile it is within 1e-6 pixels of PROJ, where GDAL's own warping
    may be off by an eighth of a pixel, or takes minutes.
    """

    columns: npt.NDArray[np.float64]
    """Coefficients of the raster column, shape (_NODES, _NODES)."""
    rows: npt.NDArray[np.float64]
    """Coefficients of the raster row."""
    side: int
    """Pixels along one side of the tile."""

    @classmethod
    def of(
        cls, transform: Affine, crs: pyproj.CRS, grid: TileGeocoding, turn: int
    ) -> Self:
        """Fitted to PROJ's values at the Chebyshev nodes of the tile.

        Args:
            transform: of the raster.
            crs: of the raster.
            grid: the tile.
            turn: degrees to add to longitudes.
        """
        nodes = np.cos(np.pi * (np.arange(_NODES) + 0.5) / _NODES)
        half = (nodes + 1) / 2 * grid.side_m
        x, y = np.meshgrid(grid.ulx + half, grid.uly - half)
        transformer = pyproj.Transformer.from_crs(grid.epsg, crs, always_xy=True)
        x, y = transformer.transform(x, y)
        if crs.is_geographic:
            x = np.degrees(np.unwrap(np.unwrap(np.radians(x), axis=0), axis=1)) + turn
        columns, rows = ~transform * (x, y)
        fit = np.linalg.inv(chebyshev.chebvander(nodes, _NODES - 1))
        return cls(fit @ columns @ fit.T, fit @ rows @ fit.T, grid.pixels(10))

    def read(
        self, start: int, count: int
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Raster column and row of the centres of some rows, shape (count, side)."""
        at = (np.arange(self.side) + 0.5) / self.side * 2 - 1
        values = chebyshev.chebvander(at, _NODES - 1)
        stripe = values[start : start + count]
        return stripe @ self.columns @ values.T, stripe @ self.rows @ values.T


def _values(
    source: rasterio.io.DatasetReader,
    centres: PixelCentres,
    start: int,
    count: int,
    nodata: float,
) -> npt.NDArray[np.integer]:
    """Values of the raster pixels that hold the centres, nodata outside."""
    columns, rows = (np.floor(v).astype(np.int64) for v in centres.read(start, count))
    west, east = max(columns.min(), 0), min(columns.max() + 1, source.width)
    north, south = max(rows.min(), 0), min(rows.max() + 1, source.height)
    values = np.full(columns.shape, nodata, dtype=source.dtypes[0])
    if west >= east or north >= south:
        return values
    read: npt.NDArray[np.integer] = source.read(
        1, window=Window(west, north, east - west, south - north)
    )
    inside = (columns >= west) & (columns < east) & (rows >= north) & (rows < south)
    columns -= west
    rows -= north
    if inside.all():
        return read[rows, columns]
    values[inside] = read[rows[inside], columns[inside]]
    return values


def _require_known(
    values: npt.NDArray[np.integer], legend: Legend, raster: Path
) -> None:
    known = np.array(list(legend.classes))
    unknown = np.setdiff1d(np.unique(values), known)
    if len(unknown):
        shown = ", ".join(map(str, unknown[:10].tolist()))
        raise InvalidInput(
            f"{raster}: unknown codes: {shown}; expected one of the {len(known)} codes "
            f"of the legend {legend.name}; name the right legend in the recipe, or add "
            "them to yours"
        )


def _meets(raster: Path, grid: TileGeocoding) -> bool:
    """Whether the raster's box meets the tile's; both in the raster's CRS."""
    with _open(raster) as source:
        bounds, crs = source.bounds, source.crs
    boxes = _boxes(grid, pyproj.CRS.from_wkt(crs.to_wkt()))
    return any(
        west < bounds.right
        and east > bounds.left
        and south < bounds.top
        and north > bounds.bottom
        for west, south, east, north in boxes
    )


def _boxes(
    grid: TileGeocoding, crs: pyproj.CRS
) -> Iterator[tuple[float, float, float, float]]:
    """The box of a tile; two where it crosses the antimeridian of ``crs``."""
    transformer = pyproj.Transformer.from_crs(grid.epsg, crs, always_xy=True)
    west, south, east, north = transformer.transform_bounds(
        *grid.bounds(), densify_pts=101
    )
    if west <= east:
        yield west, south, east, north
        return
    yield west, south, 180, north
    yield -180, south, east, north


def _open(raster: Path) -> rasterio.io.DatasetReader:
    """An open raster of codes.

    Raises:
        InvalidInput: not readable, without CRS, or not of whole numbers.
    """
    try:
        source = rasterio.open(raster)
    except RasterioError as error:
        raise InvalidInput(f"{raster}: not a readable raster: {error}") from error
    if source.crs is None or not np.issubdtype(source.dtypes[0], np.integer):
        found = f"CRS {source.crs}, data type {source.dtypes[0]}"
        source.close()
        raise InvalidInput(
            f"{raster}: expected a raster of land cover codes, with a CRS and whole "
            f"numbers; found {found}"
        )
    return source
