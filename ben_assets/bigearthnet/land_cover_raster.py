"""Land cover from rasters of any CRS, read at the pixel centres of a tile's 10 m grid.

Bounded memory: the tile is read in stripes, so a raster of a continent costs no more
than one of a town.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyproj
import rasterio
import rasterio.io
import rasterio.warp
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from ben_assets.bigearthnet.errors import InvalidInput, MissingInput
from ben_assets.bigearthnet.legend import NO_LAND_COVER, Legend
from ben_assets.bigearthnet.patch_grid import TileGeocoding

_SUFFIXES: Final = (".tif", ".tiff", ".vrt", ".img")
_STRIPE_ROWS: Final = 610
"""Rows read at a time; 18 stripes make a full tile of 10,980 rows."""
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

    def read_stripe(start: int) -> None:
        stripe = codes[start : start + _STRIPE_ROWS]
        for raster in rasters:
            _fill(stripe, raster, grid, start, legend)

    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(read_stripe, range(0, side, _STRIPE_ROWS)):
            pass
    return codes


def _fill(
    stripe: npt.NDArray[np.uint16],
    raster: Path,
    grid: TileGeocoding,
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
            values = _warped(source, grid, start, len(stripe), nodata)
        except RasterioError as error:
            raise InvalidInput(f"{raster}: cannot be read: {error}") from error
    wanted = is_open & (values != nodata)
    _require_known(values[wanted], legend, raster)
    stripe[wanted] = values[wanted]


def _warped(
    source: rasterio.io.DatasetReader,
    grid: TileGeocoding,
    start: int,
    rows: int,
    nodata: float,
) -> npt.NDArray[np.integer]:
    """Values at the pixel centres of some rows of a tile's 10 m grid."""
    side = grid.pixels(10)
    with WarpedVRT(
        source,
        crs=f"EPSG:{grid.epsg}",
        transform=grid.transform(10),
        width=side,
        height=side,
        resampling=Resampling.nearest,
        src_nodata=nodata,
        nodata=nodata,
        tolerance=0,  # each centre transformed by itself: no pixel is off by one
    ) as warped:
        values: npt.NDArray[np.integer] = warped.read(
            1, window=Window(0, start, side, rows)
        )
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
