"""What a user of 2025 brings: ESA's L2A of a tile, WorldCover and a recipe.

The tile has part of Berlin; its product is of a baseline with an offset.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from ben_assets.bigearthnet.bands import NODATA
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.bigearthnet.product_names import ProductName
from ben_assets.synthetic.landscape import make_landscape
from ben_assets.synthetic.safe_description import ProductDescription
from ben_assets.synthetic.safe_writer import write_l2a_product, zip_product
from ben_assets.synthetic.scene import land_cover_raster, surface_scene
from ben_assets.synthetic.worldcover import write_worldcover

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
