"""``make demo``: the main job for a few small generated tiles, through Dagster.

Then a data set of one's own, of another year, country and land cover.

Everything lies in ``.demo/``; the caller's own settings are ignored.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Sequence

from ben_assets.demo import ui
from ben_assets.demo.jobs import Job, print_close, print_made, run_jobs
from ben_assets.demo.own_data_set import make_own_data_set
from ben_assets.demo.services import (
    DELETED,
    DEMO,
    OWN,
    demo_environment,
    demo_services,
    demo_settings,
    use,
    write_other_inputs,
    write_settings,
)
from ben_assets.run_report import wide_console
from ben_assets.synthetic.dataset import make_synthetic_data
from ben_assets.synthetic.own_region import make_own_region
from ben_assets.synthetic.tiles import GOLDEN_TILES


def main() -> int:
    """Run the demo, or show its results."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--ui", action="store_true", help="serve the Dagster UI")
    parser.add_argument("--own", action="store_true", help="of your own data set")
    parser.add_argument("--port", default="3000", help="port of the UI")
    options = parser.parse_args()
    if options.ui:
        return ui.serve(options.port, own=options.own)
    try:
        return _run()
    except KeyboardInterrupt:
        print("interrupted; run make demo again", file=sys.stderr)
        return 130


def _run() -> int:
    if ui.is_ui_running():
        advice = "stop it (Ctrl-C there) and run make demo again"
        print(f"the UI shows what is in .demo/: {advice}", file=sys.stderr)
        return 2
    started, console = time.perf_counter(), wide_console()
    shutil.rmtree(DEMO, ignore_errors=True)
    print("making small Sentinel-2 tiles and their surroundings ...", flush=True)
    synthetic = make_synthetic_data(DEMO / "synthetic", tiles=GOLDEN_TILES, l2a=False)
    write_other_inputs(synthetic, GOLDEN_TILES)
    region = make_own_region(OWN)
    print("starting a Copernicus Data Space of our own on loopback ...", flush=True)
    with demo_services(synthetic) as servers:
        print(f"{DELETED} is deleted there; a bucket still has it ...", flush=True)
        write_settings(demo_settings(synthetic, DEMO) | servers, DEMO)
        use(demo_environment(synthetic) | servers)
        runs = run_jobs(_stages(synthetic.tile_keys), console)
        print_made(console, runs)
        is_fine = all(run.is_fine for run in runs)
        is_fine &= make_own_data_set(region, servers)
    print_close(console, time.perf_counter() - started, is_fine=is_fine)
    return 0 if is_fine else 1


def _stages(keys: Sequence[str]) -> list[list[Job]]:
    """The inputs and each tile, then what is made of all tiles."""
    of_each = [("inputs", None), *(("tile", key) for key in keys)]
    of_all = [("l1c_tables", None), ("release", None)]
    training = [*(("training_tile", key) for key in keys), ("training", None)]
    return [of_each, [*of_all, *training]]


if __name__ == "__main__":
    sys.exit(main())
