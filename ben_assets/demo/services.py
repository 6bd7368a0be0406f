"""What lies around the demo's tiles: settings, services, other inputs.

Nothing of the demo is made from those inputs; but Dagster warns in red before it makes
what is below an asset that was never materialized.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.shipped_files import SHIPPED
from ben_assets.synthetic.bigearthnet_v1 import first_version_patches, write_footprints
from ben_assets.synthetic.dataset import SyntheticData
from ben_assets.synthetic.own_region import OwnRegion
from ben_assets.synthetic.tiles import DEMO_SIDE_M, GOLDEN_TILES, DemoTile
from ben_assets.testing.bucket_server import BucketServer
from ben_assets.testing.cdse_server import CdseServer
from ben_assets.testing.cdse_state import Product
from ben_assets.testing.processes import without_settings
from resources.inputs.pins import TILE_LINKS, V1_ZONES, footprints_name
from resources.settings import REPOSITORY

DEMO: Final = REPOSITORY / ".demo"
OWN: Final = DEMO / "own"
"""The data set of one's own; another recipe asks for another data root."""
TRACKED: Final = SHIPPED / "tracked-artifacts" / "synthetic"
"""What is expected of the demo's tiles; apart, as their keys could be of real ones."""


def demo_environment(synthetic: SyntheticData, home: Path = DEMO) -> dict[str, str]:
    """The environment of the demo: settings and homes below ``home``."""
    return without_settings() | demo_settings(synthetic, home)


def own_environment(region: OwnRegion) -> dict[str, str]:
    """The environment of the process that makes the data set of one's own."""
    return without_settings() | own_settings(region, OWN)


def demo_settings(synthetic: SyntheticData, home: Path) -> dict[str, str]:
    """Settings for the demo's tiles and no others.

    sen2cor cannot be part of it, so the embedded processor takes its place.
    """
    settings = synthetic.settings()
    del settings["BEN_L2A_DIR"]
    return {
        **settings,
        **_homes(home),
        "BEN_TRACKED_ARTIFACTS": str(TRACKED),
        "BEN_L2A_PROCESSOR": "dark-object",
    }


def own_settings(region: OwnRegion, home: Path) -> dict[str, str]:
    """Settings for the tiles of a region, which ``ben tiles find`` lists."""
    return {
        **_homes(home),
        "BEN_TILES_CSV": str(home / "tiles.csv"),
        "BEN_RECIPE": str(region.recipe),
        "BEN_REFERENCE_DIR": str(DEMO / "synthetic" / "reference"),
    }


def _homes(home: Path) -> dict[str, str]:
    """Data root and Dagster home below ``home``, without the 125 tiles."""
    dagster_home = home / "dagster_home"
    dagster_home.mkdir(parents=True, exist_ok=True)
    shutil.copy(SHIPPED / "dagster.yaml", dagster_home)
    return {
        "BEN_TRACKED_TILES": "0",
        "BEN_DATA_DIR": str(home / "data"),
        "DAGSTER_HOME": str(dagster_home),
    }


def write_settings(settings: Mapping[str, str], home: Path) -> None:
    """``settings.sh``, for commands on the demo's results."""
    lines = [f"export {name}={shlex.quote(text)}" for name, text in settings.items()]
    (home / "settings.sh").write_text("\n".join(lines) + "\n")


def use(environment: Mapping[str, str]) -> None:
    """Make it the environment of this process."""
    os.environ.clear()
    os.environ.update(environment)


DELETED: Final = GOLDEN_TILES[1].name
"""The product that went the way of old baselines; the bucket still has it."""


@contextlib.contextmanager
def demo_services(synthetic: SyntheticData) -> Iterator[dict[str, str]]:
    """Runs the services; gives the settings that lead to them."""
    with CdseServer(synthetic.l1c_dir) as cdse, BucketServer(synthetic.l1c_dir) as gcs:
        _delete(cdse, DELETED)
        cdse.products += map(Product.of_zip, OwnRegion(OWN).archive.glob("*.zip"))
        yield cdse.environment() | gcs.environment()


def _delete(cdse: CdseServer, name: str) -> None:
    gone = next(one for one in cdse.products if one.name == f"{name}.SAFE")
    cdse.products.remove(gone)
    cdse.deleted.append(
        {
            "Id": gone.id,
            "Name": gone.name,
            "DeletionDate": "2025-08-11T00:00:00.000Z",
            "DeletionCause": "Obsolete processing baseline",
        }
    )


def write_other_inputs(synthetic: SyntheticData, tiles: Sequence[DemoTile]) -> None:
    """Footprints of the zones without a tile, and the list of products of v1."""
    folder = synthetic.reference_dir
    for epsg in V1_ZONES:
        path = folder / footprints_name(epsg)
        if not path.exists():
            write_footprints(path, epsg, [])
    _write_product_names(folder / TILE_LINKS.removesuffix(".bz2"), tiles)


def _write_product_names(path: Path, tiles: Sequence[DemoTile]) -> None:
    path.write_text("".join(line for tile in tiles for line in _lines(tile)))


def _lines(tile: DemoTile) -> Iterator[str]:
    """Patch of v1, the product that it could have been cut from, and no link."""
    mission, level, _, baseline, orbit, mgrs, _ = tile.name.split("_")
    for patch in first_version_patches(tile, tile.geocoding(DEMO_SIDE_M)):
        sensed = patch.name.split("_")[2]
        parts = (mission, level, sensed, baseline, orbit, mgrs, sensed)
        yield f"{patch.name},{'_'.join(parts)}.SAFE,\n"
