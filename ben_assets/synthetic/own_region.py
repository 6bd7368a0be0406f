"""What a user of 2025 brings: ESA's L2A of a tile, WorldCover and a recipe.

The tile has part of Berlin; its product is of a baseline with an offset. WorldCover's
pixels are squares of 1/12,000 of a degree (product user manual, version 2.0).
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyproj
import rasterio
from rasterio.transform import from_origin

from ben_assets.bigearthnet.bands import NODATA
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.product_names import ProductName
from ben_assets.bigearthnet.worldcover import worldcover_name
from ben_assets.synthetic.landscape import make_landscape
from ben_assets.synthetic.safe_description import ProductDescription
from ben_assets.synthetic.safe_writer import write_l2a_product, zip_product
from ben_assets.synthetic.scene import KINDS, land_cover_raster, surface_scene

PIXELS_PER_DEGREE: Final = 12_000
"""Pixels of WorldCover along one degree."""

_MARGIN_PIXELS: Final = 20
_CODE_OF_KIND: Final = {
    "soil": 60,
    "village": 50,
    "built": 50,
    "rock": 60,
    "crop": 40,
    "grass": 30,
    "broadleaf": 10,
    "conifer": 10,
    "mixed": 10,
    "shrub": 20,
    "wetland": 90,
    "water": 80,
}


def write_worldcover(
    folder: Path, kinds: npt.NDArray[np.uint8], grid: TileGeocoding
) -> Path:
    """Write the part of a WorldCover file that covers a tile and a little around it.

    Args:
        folder: where the file is made.
        kinds: numbers of ``KINDS`` on the tile's 10 m grid; beyond it no data (0).
        grid: the tile, which must lie in one file.
    """
    to_degrees = pyproj.Transformer.from_crs(grid.epsg, 4326, always_xy=True)
    west, south, east, north = to_degrees.transform_bounds(*grid.bounds())
    left = math.floor(west * PIXELS_PER_DEGREE) - _MARGIN_PIXELS
    top = math.ceil(north * PIXELS_PER_DEGREE) + _MARGIN_PIXELS
    width = math.ceil(east * PIXELS_PER_DEGREE) + _MARGIN_PIXELS - left
    height = top - math.floor(south * PIXELS_PER_DEGREE) + _MARGIN_PIXELS
    longitude, latitude = np.meshgrid(
        (left + np.arange(width) + 0.5) / PIXELS_PER_DEGREE,
        (top - np.arange(height) - 0.5) / PIXELS_PER_DEGREE,
    )
    codes = _codes_at(longitude, latitude, kinds, grid)
    path = folder / worldcover_name(west, south)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        compress="deflate",
        width=width,
        height=height,
        count=1,
        dtype="uint8",
        nodata=0,
        crs="EPSG:4326",
        transform=from_origin(
            left / PIXELS_PER_DEGREE,
            top / PIXELS_PER_DEGREE,
            1 / PIXELS_PER_DEGREE,
            1 / PIXELS_PER_DEGREE,
        ),
    ) as raster:
        raster.write(codes, 1)
    return path


def _codes_at(
    longitude: npt.NDArray[np.float64],
    latitude: npt.NDArray[np.float64],
    kinds: npt.NDArray[np.uint8],
    grid: TileGeocoding,
) -> npt.NDArray[np.uint8]:
    to_utm = pyproj.Transformer.from_crs(4326, grid.epsg, always_xy=True)
    x, y = to_utm.transform(longitude, latitude)
    column, row = np.floor((x - grid.ulx) / 10), np.floor((grid.uly - y) / 10)
    side = len(kinds)
    is_inside = (column >= 0) & (column < side) & (row >= 0) & (row < side)
    codes = np.zeros(longitude.shape, np.uint8)
    table = np.array([_CODE_OF_KIND[kind] for kind in KINDS], np.uint8)
    at = row[is_inside].astype(np.int64), column[is_inside].astype(np.int64)
    codes[is_inside] = table[kinds[at]]
    return codes


PRODUCT: Final = "S2C_MSIL2A_20250711T101051_N0511_R022_T33UUU_20250711T140000"
"""The only product of the archive: ESA's L2A of a summer day of Sentinel-2C."""

_CORNER: Final = (300_000, 5_900_040)  # upper left, metres, of the MGRS tile 33UUU
_SIDE_M: Final = 3_600
_OFFSET: Final = -1000
_ABSOLUTE_ORBIT: Final = 4_432  # estimated from the launch and 14.3 orbits a day
_SEED: Final = 2025
_RECIPE: Final = """\
[land_cover]
path = "worldcover"       # a directory of the files of ESA WorldCover
legend = "worldcover"
year = 2021
"""


@dataclass(frozen=True)
class OwnRegion:
    """Where the parts are."""

    root: Path
    """Directory of the region."""

    @property
    def archive(self) -> Path:
        """Zips of products, as the Copernicus Data Space serves them."""
        return self.root / "archive"

    @property
    def recipe(self) -> Path:
        """The recipe, with its land cover beside it."""
        return self.root / "berlin-2025.toml"


def make_own_region(root: Path) -> OwnRegion:
    """Make the region in ``root``, which must be absent."""
    region = OwnRegion(root)
    region.archive.mkdir(parents=True)
    (root / "worldcover").mkdir()
    name = ProductName.parse(PRODUCT)
    grid = TileGeocoding(name.epsg, *_CORNER, _SIDE_M)
    kinds = land_cover_raster(make_landscape(grid, _SEED), grid)
    scene = surface_scene(kinds, grid, _SEED, nodata_edge=False)
    brighter = {
        band: np.where(pixels == NODATA, pixels, pixels + np.uint16(-_OFFSET))
        for band, pixels in scene.items()
    }
    description = ProductDescription(
        name,
        name.sensing_time,
        grid,
        absolute_orbit=_ABSOLUTE_ORBIT,
        offset=_OFFSET,
        processor="synthetic data set, not a measurement",
    )
    with tempfile.TemporaryDirectory(dir=root) as work:
        product = write_l2a_product(Path(work), description, brighter)
        zip_product(product, region.archive / f"{PRODUCT}.zip")
    write_worldcover(root / "worldcover", kinds, grid)
    region.recipe.write_text(_RECIPE, encoding="utf-8")
    return region
