"""Make the synthetic data set: all that the pipeline needs from outside, on disk.

Belongs here: what the data set consists of and where it lies. The parts are made by
the other modules of this package.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from ben_assets.bigearthnet.bands import NODATA, PATCH_SIZE_M
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.synthetic.bigearthnet_v1 import (
    FirstVersionPatch,
    first_version_patches,
    write_first_version,
    write_sentinel1,
)
from ben_assets.synthetic.land import (
    COUNTRIES_FILE,
    GEOPACKAGE,
    land_cover_cases,
    write_corine,
    write_countries,
)
from ben_assets.synthetic.landscape import LandCover, make_landscape
from ben_assets.synthetic.safe_description import QUALITY_CHECKS, ProductDescription
from ben_assets.synthetic.safe_writer import (
    write_l1c_product,
    write_l2a_product,
    zip_product,
)
from ben_assets.synthetic.scene import (
    Scene,
    land_cover_raster,
    surface_scene,
    top_of_atmosphere,
)
from ben_assets.synthetic.tiles import DEMO_SIDE_M, DEMO_TILES, DemoTile

_COARSEST_GSD_M: Final = 60


@dataclass(frozen=True)
class SyntheticData:
    """Where the parts of a synthetic data set are."""

    root: Path
    """Folder of the synthetic data set."""
    tile_keys: tuple[str, ...]
    """Its tile keys."""

    @property
    def tiles_csv(self) -> Path:
        """The list of its tiles, for ``BEN_TILES_CSV``."""
        return self.root / "tiles.csv"

    @property
    def l1c_dir(self) -> Path:
        """L1C products as the archive serves them: ``<product name>.zip``."""
        return self.root / "L1C"

    @property
    def l2a_dir(self) -> Path:
        """L2A products as ``.SAFE`` folders."""
        return self.root / "L2A"

    @property
    def reference_dir(self) -> Path:
        """Pinned inputs, the CORINE GeoPackage among them."""
        return self.root / "reference"

    @property
    def s1_dir(self) -> Path:
        """The extracted Sentinel-1 root of BigEarthNet v1."""
        return self.root / "S1"

    def settings(self) -> dict[str, str]:
        """Settings that make the pipeline use this synthetic data set's L2A products.

        Nothing is expected of these; what is tracked is made from the L1C products.
        """
        return {
            "BEN_TRACKED_ARTIFACTS": str(self.root / "tracked"),
            "BEN_TILES_CSV": str(self.tiles_csv),
            "BEN_L2A_DIR": str(self.l2a_dir),
            "BEN_REFERENCE_DIR": str(self.reference_dir),
            "BEN_S1_DIR": str(self.s1_dir),
        }


def make_synthetic_data(
    root: Path,
    *,
    side_m: int = DEMO_SIDE_M,
    tiles: Sequence[DemoTile] = DEMO_TILES,
    seed: int = 20240101,
    l1c: bool = True,
    l2a: bool = True,
    threads: int = 2,
) -> SyntheticData:
    """Make a synthetic data set in ``root``, which must be absent or empty.

    The same arguments give the same pixels, polygons and tables.

    Args:
        root: folder of the synthetic data set.
        side_m: side in metres of each tile that has none of its own, a multiple of 60
            and at least 1200.
        tiles: which tiles it has.
        seed: seed of everything that is left to chance.
        l1c: whether to make L1C products.
        l2a: whether to make L2A products.
        threads: threads of the JPEG 2000 encoder.

    Raises:
        ValueError: ``side_m`` is no such number.
        FileExistsError: there is a synthetic data set in ``root``.
    """
    if side_m % _COARSEST_GSD_M or side_m < PATCH_SIZE_M:
        raise ValueError(
            f"side_m must be a multiple of {_COARSEST_GSD_M} from {PATCH_SIZE_M} on, "
            f"found {side_m}"
        )
    synthetic = SyntheticData(root, tuple(tile.key for tile in tiles))
    for folder in (
        synthetic.l1c_dir,
        synthetic.l2a_dir,
        synthetic.reference_dir,
        synthetic.s1_dir,
    ):
        folder.mkdir(parents=True)
    covers_of_epsg: list[tuple[int, list[LandCover]]] = []
    v1_patches: list[FirstVersionPatch] = []
    for number, tile in enumerate(tiles):
        grid = tile.geocoding(side_m)
        covers = (
            land_cover_cases(grid)
            if tile.has_land_cover_cases
            else make_landscape(grid, seed + number)
        )
        kinds = land_cover_raster(covers, grid)
        scene = surface_scene(
            kinds, grid, seed + number, nodata_edge=tile.has_nodata_edge
        )
        for band, row, column in tile.nodata_pixels:
            scene[band][row, column] = NODATA
        if l2a:
            write_l2a_product(
                synthetic.l2a_dir, describe(tile, grid, "L2A"), scene, threads=threads
            )
        if l1c:
            _write_l1c_zip(synthetic.l1c_dir, tile, grid, scene, threads)
        covers_of_epsg.append((grid.epsg, covers))
        v1_patches += _write_sentinel1(synthetic.s1_dir, tile, grid, kinds)
    write_corine(synthetic.reference_dir / GEOPACKAGE, covers_of_epsg)
    write_countries(synthetic.reference_dir / COUNTRIES_FILE)
    write_first_version(synthetic.reference_dir, v1_patches)
    write_tile_list(synthetic.tiles_csv, tiles)
    return synthetic


def write_tile_list(path: Path, tiles: Sequence[DemoTile]) -> None:
    """Write the rows of tiles, as ``BEN_TILES_CSV`` has them."""
    rows = [f"{tile.name},{tile.alignment}\n" for tile in tiles]
    path.write_text("tile,alignment\n" + "".join(rows), encoding="utf-8")


def describe(tile: DemoTile, grid: TileGeocoding, level: str) -> ProductDescription:
    """What the metadata of a tile's product say, ``level`` ``L1C`` or ``L2A``."""
    return ProductDescription(
        name=tile.l2a_name if level == "L2A" else tile.l1c_name,
        start_time=tile.start_time,
        geocoding=grid,
        absolute_orbit=tile.absolute_orbit,
        quality={
            check: "FAILED" if check in tile.failed_quality else "PASSED"
            for check in QUALITY_CHECKS
        },
        processor="demo synthetic data set, not a measurement",
    )


def _write_l1c_zip(
    folder: Path, tile: DemoTile, grid: TileGeocoding, surface: Scene, threads: int
) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as work:
        product = write_l1c_product(
            Path(work),
            describe(tile, grid, "L1C"),
            top_of_atmosphere(surface),
            threads=threads,
        )
        zip_product(product, folder / f"{tile.name}.zip")


def _write_sentinel1(
    root: Path, tile: DemoTile, grid: TileGeocoding, kinds: npt.NDArray[np.uint8]
) -> list[FirstVersionPatch]:
    patches = first_version_patches(tile, grid)
    for patch in patches:
        write_sentinel1(root, patch, kinds, grid)
    return patches
