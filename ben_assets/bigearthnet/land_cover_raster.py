"""Land cover from rasters of any CRS, read at the pixel centres of a tile's 10 m grid.

Bounded memory: the tile is read in blocks, so a raster of a continent costs no more
than one of a town.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pyproj
import rasterio
import rasterio.io
from rasterio.errors import RasterioError
from rasterio.windows import Window

from ben_assets.bigearthnet.errors import InvalidInput, MissingInput
from ben_assets.bigearthnet.legend import NO_LAND_COVER, Legend
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.pixel_centres import PixelCentres
from ben_assets.bigearthnet.plain_files import require_plain
from ben_assets.bigearthnet.recipe import RASTER_SUFFIXES
from ben_assets.bigearthnet.reproject import boxes_meet

_LATTICE: Final = 61
PLACES: Final = _LATTICE**2
"""Places that stand for all of a tile; of a full one, each 1.8 km."""
_BLOCK: Final = 183
"""Pixels along a block, which processor caches hold; a full tile has 60 x 60."""
_CACHE_BYTES: Final = 256 << 20
"""Decoded blocks of rasters that GDAL may keep."""
_VALUES: Final = 1 << 16
"""Values that may be codes."""
_DEFAULT_NODATA: Final = 0  # never a code of a legend


def find_rasters(path: Path) -> list[Path]:
    """The raster file of a path, or those of a folder, sorted by name.

    Raises:
        MissingInput: there is none.
        InvalidInput: one of a folder is no file.
    """
    if path.is_file():
        return [path]
    found = sorted(p for p in path.glob("*") if p.suffix.lower() in RASTER_SUFFIXES)
    if not found:
        raise MissingInput(
            f"land cover is missing: expected {path} to be a raster or a folder of "
            f"rasters ({', '.join(RASTER_SUFFIXES)}); put it there, or correct "
            "land_cover.path in the recipe"
        )
    for raster in found:
        if not raster.is_file():  # nor a link to one; opening a FIFO would wait
            raise InvalidInput(f"land cover: expected {raster} to be a file; remove it")
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
        threads: strips of blocks filled at a time.

    Raises:
        InvalidInput: a value is not of the legend, or a raster is none of codes.
    """
    side = grid.pixels(10)
    codes = np.full((side, side), NO_LAND_COVER, dtype=np.uint16)
    blocks = [slice(i, min(i + _BLOCK, side)) for i in range(0, side, _BLOCK)]
    with ExitStack() as stack, ThreadPoolExecutor(threads) as pool:
        stack.enter_context(rasterio.Env(GDAL_CACHEMAX=_CACHE_BYTES))
        layers = [_Layer.of(raster, legend, stack) for raster in rasters]
        placed = [(layer, at) for layer in layers for at in layer.centres(grid)]

        def fill(rows: slice) -> None:
            for cols in blocks:
                block = codes[rows, cols]
                for layer, centres in placed:
                    layer.fill(block, *centres.pixels(rows, cols))

        for _ in pool.map(fill, blocks):
            pass
    return codes


@dataclass(frozen=True)
class _Layer:
    """An open raster of codes; threads may share it."""

    path: Path
    source: rasterio.io.DatasetReader
    """Read by one thread at a time, so that each of its blocks is decoded once."""
    legend: Legend
    nodata: float
    code_of: npt.NDArray[np.uint16]
    """Code of each value from 0 to 65,535: 999 for no data, 0 where it is not known."""
    reading: Lock = field(default_factory=Lock)

    @classmethod
    def of(cls, raster: Path, legend: Legend, stack: ExitStack) -> Self:
        """Opened until the stack is left.

        Raises:
            InvalidInput: it is no raster of codes.
        """
        source = stack.enter_context(_open(raster))
        nodata = _DEFAULT_NODATA if source.nodata is None else source.nodata
        code_of = np.zeros(_VALUES, dtype=np.uint16)
        known = list(legend.classes)
        code_of[known] = known
        if 0 <= nodata < _VALUES:
            code_of[int(nodata)] = NO_LAND_COVER
        return cls(raster, source, legend, nodata, code_of)

    def centres(self, grid: TileGeocoding) -> list[PixelCentres]:
        """Where a tile lies in it; in more ways where it crosses the antimeridian."""
        crs = pyproj.CRS.from_wkt(self.source.crs.to_wkt())
        is_split = len(list(_boxes(grid, crs))) > 1
        turns = (0, -360, 360) if is_split else (0,)
        return [PixelCentres.of(self.source.transform, crs, grid, t) for t in turns]

    def fill(
        self,
        block: npt.NDArray[np.uint16],
        columns: npt.NDArray[np.float64],
        rows: npt.NDArray[np.float64],
    ) -> None:
        """Put its codes where a block of the tile has none yet.

        Args:
            block: codes, changed in place.
            columns: raster column of each pixel of the block.
            rows: raster row of each.
        """
        width, height = self.source.width, self.source.height
        west, east = columns.min(), columns.max() + 1
        north, south = rows.min(), rows.max() + 1
        wanted = block == NO_LAND_COVER
        if west < 0 or east > width or north < 0 or south > height:
            wanted &= (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
            west, east = max(west, 0), min(east, width)
            north, south = max(north, 0), min(south, height)
        if not wanted.any():
            return
        read = self._read(Window(west, north, east - west, south - north))
        places = (rows - north) * read.shape[1] + (columns - west)
        values = read.reshape(-1).take(places.astype(np.intp), mode="clip")
        codes = self._codes(values)
        if not codes.all() and not codes.all(where=wanted):
            raise self._unknown(values[wanted & (codes == 0)])
        np.copyto(block, codes, where=wanted)

    def _read(self, window: Window) -> npt.NDArray[np.integer]:
        with self.reading:
            try:
                read: npt.NDArray[np.integer] = self.source.read(1, window=window)
            except RasterioError as error:
                raise InvalidInput(f"{self.path}: cannot be read: {error}") from error
        return read

    def _codes(self, values: npt.NDArray[np.integer]) -> npt.NDArray[np.uint16]:
        """Codes of values; 999 for no data, 0 for those that are not known."""
        if values.dtype in (np.uint8, np.uint16):
            return self.code_of.take(values)
        fits = (values >= 0) & (values < _VALUES)
        codes = np.where(fits, self.code_of.take(values, mode="clip"), np.uint16(0))
        codes[values == self.nodata] = NO_LAND_COVER
        return codes

    def _unknown(self, values: npt.NDArray[np.integer]) -> InvalidInput:
        shown = ", ".join(map(str, np.unique(values)[:10].tolist()))
        return InvalidInput(
            f"{self.path}: unknown codes: {shown}; expected one of the "
            f"{len(self.legend.classes)} codes of the legend {self.legend.name}; name "
            "the right legend in the recipe, or add them to yours"
        )


def _meets(raster: Path, grid: TileGeocoding) -> bool:
    """Whether the raster's box meets the tile's; both in the raster's CRS."""
    with _open(raster) as source:
        bounds, crs = source.bounds, source.crs
    boxes = _boxes(grid, pyproj.CRS.from_wkt(crs.to_wkt()))
    return any(boxes_meet(box, tuple(bounds)) for box in boxes)


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
    require_plain(raster)
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
