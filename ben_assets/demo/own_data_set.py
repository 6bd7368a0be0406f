"""Second part of the demo: a data set of one's own, in a data root of its own.

A process for itself, as the code location reads its tile list and its settings once.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from typing import Final

from ben_assets.cli.find import Level, find
from ben_assets.demo.jobs import Job, print_made, run_jobs
from ben_assets.demo.services import OWN, own_environment, own_settings, write_settings
from ben_assets.environment import settings_of_process
from ben_assets.run_report import wide_console
from ben_assets.synthetic.own_region import OwnRegion
from ben_assets.tiles import load_tiles

_SUMMER: Final = datetime(2025, 6, 1), datetime(2025, 8, 31)


def make_own_data_set(region: OwnRegion, services: dict[str, str]) -> bool:
    """Run this module on a region; whether all steps ran and no check failed."""
    write_settings(own_settings(region, OWN) | services, OWN)
    command = [sys.executable, "-m", __name__]
    environment = own_environment(region) | services
    return subprocess.run(command, env=environment, check=False).returncode == 0


def main() -> int:
    """Find tiles, make them and release them; exit code."""
    console, settings = wide_console(), settings_of_process()
    console.print(
        "\n[bold]A data set of your own: Berlin in 2025, land cover of WorldCover[/]"
    )
    tiles_csv = settings.path("BEN_TILES_CSV")
    find(*_SUMMER, country="Germany", level=Level.L2A, output=tiles_csv)
    keys = list(load_tiles(settings))
    runs = run_jobs(_stages(keys), console)
    print_made(console, runs)
    return 0 if runs and all(run.is_fine for run in runs) else 1


def _stages(keys: list[str]) -> list[list[Job]]:
    of_each = [("inputs", None), *(("tile_from_l2a", key) for key in keys)]
    training: list[Job] = [("training_tile", key) for key in keys]
    return [of_each, [("release", None), *training, ("training", None)]]


if __name__ == "__main__":
    sys.exit(main())
