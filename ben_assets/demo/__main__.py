"""``make demo``: the main job for two small generated tiles, through Dagster.

Everything lies in ``.demo/``; the caller's own settings are ignored.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ben_assets.demo.cdse_server import CdseServer
from ben_assets.demo.report import print_report
from ben_assets.demo.runs import run_job
from ben_assets.demo.world import World, make_world
from resources.settings import REPOSITORY

DEMO: Final = REPOSITORY / ".demo"
_FOREIGN: Final = ("BEN_", "CDSE_", "DAGSTER_", "SEN2COR_")


def main() -> int:
    """Run the demo, or show its results."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--ui", action="store_true", help="serve the Dagster UI")
    parser.add_argument("--port", default="3000", help="port of the UI")
    options = parser.parse_args()
    if options.ui:
        return _serve(options.port)
    return _run()


def _run() -> int:
    started = time.perf_counter()
    shutil.rmtree(DEMO, ignore_errors=True)
    print("making two small Sentinel-2 tiles and their surroundings ...", flush=True)
    world = make_world(DEMO / "world", l2a=False)
    print("starting a Copernicus Data Space of our own on loopback ...", flush=True)
    with CdseServer(world.l1c_dir) as cdse:
        _use(demo_environment(world) | cdse.environment())
        runs = [run_job("tile", key) for key in world.tile_keys]
    if all(run.succeeded for run in runs):
        runs += [run_job(job, None) for job in ("l1c_tables", "release")]
    print_report(runs, time.perf_counter() - started)
    return 0 if all(run.is_fine for run in runs) else 1


def demo_environment(world: World, home: Path = DEMO) -> dict[str, str]:
    """The environment of the demo: the world's settings, and homes below ``home``.

    sen2cor cannot be part of it, so the embedded processor takes its place.
    """
    dagster_home = home / "dagster_home"
    dagster_home.mkdir(parents=True, exist_ok=True)
    shutil.copy(REPOSITORY / "dagster.yaml", dagster_home)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN)}
    settings = world.settings()
    del settings["BEN_L2A_DIR"], settings["BEN_TRACKED_ARTIFACTS"]
    return kept | {
        **settings,
        "BEN_DATA_DIR": str(home / "data"),
        "BEN_L2A_PROCESSOR": "dark-object",
        "DAGSTER_HOME": str(dagster_home),
    }


def _use(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def _serve(port: str) -> int:
    if not (DEMO / "dagster_home").is_dir():
        print("no demo results yet: run 'make demo' first", file=sys.stderr)
        return 2
    world = World(DEMO / "world", ())
    print(f"Dagster UI on http://127.0.0.1:{port} (stop with Ctrl-C)", flush=True)
    command = [sys.executable, "-m", "dagster", "dev", "-h", "127.0.0.1", "-p", port]
    command += ["-m", "ben_assets.definitions"]
    # not in the repository's folder, whose .env Dagster would read
    environment = demo_environment(world) | {"PYTHONPATH": str(REPOSITORY)}
    os.chdir(DEMO)
    # in the place of this process, so that signals go to Dagster itself
    return os.execve(sys.executable, command, environment)


if __name__ == "__main__":
    sys.exit(main())
