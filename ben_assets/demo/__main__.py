"""``make demo``: the main job for a few small generated tiles, through Dagster.

Everything lies in ``.demo/``; the caller's own settings are ignored.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Sequence

import dagster as dg
from rich.console import Console

from ben_assets.demo import ui
from ben_assets.demo.inputs import write_other_inputs
from ben_assets.demo.report import print_report
from ben_assets.demo.services import DELETED, demo_services
from ben_assets.demo.settings import (
    DEMO,
    demo_environment,
    demo_settings,
    use,
    write_settings,
)
from ben_assets.run_report import progress_on, wide_console
from ben_assets.runs import FinishedRun, run_job
from ben_assets.synthetic.dataset import make_synthetic_data
from ben_assets.synthetic.tiles import GOLDEN_TILES


def main() -> int:
    """Run the demo, or show its results."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--ui", action="store_true", help="serve the Dagster UI")
    parser.add_argument("--port", default="3000", help="port of the UI")
    options = parser.parse_args()
    if options.ui:
        return ui.serve(options.port)
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
    print("starting a Copernicus Data Space of our own on loopback ...", flush=True)
    with demo_services(synthetic) as servers:
        print(f"{DELETED} is deleted there; a bucket still has it ...", flush=True)
        write_settings(demo_settings(synthetic, DEMO) | servers, DEMO)
        use(demo_environment(synthetic) | servers)
        runs = _run_jobs(synthetic.tile_keys, console)
    print_report(console, runs, time.perf_counter() - started)
    return 0 if all(run.is_fine for run in runs) else 1


def _run_jobs(keys: Sequence[str], console: Console) -> list[FinishedRun]:
    """The inputs, each tile, then what is made of all tiles, if all could be made."""
    tell = progress_on(console)
    with dg.DagsterInstance.get() as instance:

        def run(job: str, key: str | None = None) -> FinishedRun:
            console.print(f"\n[bold]{job}{f' of {key}' if key else ''}[/]")
            return run_job(job, key, instance, tell)

        runs = [run("inputs"), *(run("tile", key) for key in keys)]
        if all(finished.succeeded for finished in runs):
            runs += [run(job) for job in ("l1c_tables", "release")]
            runs += [run("training_tile", key) for key in keys]
            runs.append(run("training"))
    return runs


if __name__ == "__main__":
    sys.exit(main())
