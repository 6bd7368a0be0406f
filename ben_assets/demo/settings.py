"""Where the demo lies and what its processes find in their environment."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.shipped_files import SHIPPED
from ben_assets.synthetic.dataset import SyntheticData
from ben_assets.synthetic.own_region import OwnRegion
from resources.settings import REPOSITORY

DEMO: Final = REPOSITORY / ".demo"
OWN: Final = DEMO / "own"
"""The data set of one's own; another recipe asks for another data root."""
TRACKED: Final = SHIPPED / "tracked-artifacts" / "synthetic"
"""What is expected of the demo's tiles; apart, as their keys could be of real ones."""
_NOT_INHERITED: Final = (
    *("BEN_", "CDSE_", "CLMS_", "DAGSTER_", "HF_", "SEN2COR_", "ZENODO_"),
)


def demo_environment(synthetic: SyntheticData, home: Path = DEMO) -> dict[str, str]:
    """The environment of the demo: settings and homes below ``home``."""
    return _without_settings() | demo_settings(synthetic, home)


def own_environment(region: OwnRegion) -> dict[str, str]:
    """The environment of the process that makes the data set of one's own."""
    return _without_settings() | own_settings(region, OWN)


def _without_settings() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(_NOT_INHERITED)}


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
