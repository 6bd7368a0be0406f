"""``make demo``: the main job for a few small generated tiles, through Dagster.

Everything lies in ``.demo/``; the caller's own settings are ignored.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.shipped_files import SHIPPED
from ben_assets.demo.report import print_report
from ben_assets.demo.runs import run_job
from ben_assets.synthetic.dataset import SyntheticData, make_synthetic_data
from ben_assets.synthetic.tiles import GOLDEN_TILES
from ben_assets.testing.bucket_server import BucketServer
from ben_assets.testing.cdse_server import CdseServer
from resources.data_root.locks import started_at
from resources.settings import REPOSITORY

DEMO: Final = REPOSITORY / ".demo"
TRACKED: Final = SHIPPED / "tracked-artifacts" / "synthetic"
"""What is expected of the demo's tiles; apart, as their keys could be of real ones."""
_UI: Final = DEMO / "ui.process"
_FOREIGN: Final = ("BEN_", "CDSE_", "DAGSTER_", "SEN2COR_")


def main() -> int:
    """Run the demo, or show its results."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--ui", action="store_true", help="serve the Dagster UI")
    parser.add_argument("--port", default="3000", help="port of the UI")
    options = parser.parse_args()
    if options.ui:
        return _serve(options.port)
    try:
        return _run()
    except KeyboardInterrupt:
        print("interrupted; run make demo again", file=sys.stderr)
        return 130


def _run() -> int:
    if _is_ui_running():
        advice = "stop it (Ctrl-C there) and run make demo again"
        print(f"the UI shows what is in .demo/: {advice}", file=sys.stderr)
        return 2
    started = time.perf_counter()
    shutil.rmtree(DEMO, ignore_errors=True)
    print("making small Sentinel-2 tiles and their surroundings ...", flush=True)
    synthetic = make_synthetic_data(DEMO / "synthetic", tiles=GOLDEN_TILES, l2a=False)
    _write_settings(synthetic)
    print("starting a Copernicus Data Space of our own on loopback ...", flush=True)
    with CdseServer(synthetic.l1c_dir) as cdse, BucketServer(synthetic.l1c_dir) as gcs:
        _delete(cdse, synthetic.tile_keys[1])
        servers = cdse.environment() | gcs.environment()
        _use(demo_environment(synthetic) | servers)
        runs = [run_job("tile", key) for key in synthetic.tile_keys]
    if all(run.succeeded for run in runs):
        runs += [run_job(job, None) for job in ("l1c_tables", "release")]
    print_report(runs, time.perf_counter() - started)
    return 0 if all(run.is_fine for run in runs) else 1


def _delete(cdse: CdseServer, key: str) -> None:
    """Let a tile's product go the way of old baselines; the bucket still has it."""
    mgrs, sensing = key.split("_")
    gone = next(
        one for one in cdse.products if f"_{sensing}_" in one.name and mgrs in one.name
    )
    cdse.products.remove(gone)
    cdse.deleted.append(
        {
            "Id": gone.id,
            "Name": gone.name,
            "DeletionDate": "2025-08-11T00:00:00.000Z",
            "DeletionCause": "Obsolete processing baseline",
        }
    )
    print(f"{gone.name} is deleted there; a bucket still has it ...", flush=True)


def _is_ui_running() -> bool:
    try:
        pid, started = _UI.read_text().split()
    except (FileNotFoundError, ValueError):
        return False
    return started_at(int(pid)) == started


def demo_environment(synthetic: SyntheticData, home: Path = DEMO) -> dict[str, str]:
    """The environment of the demo: settings and homes below ``home``."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN)}
    return kept | _settings(synthetic, home)


def _settings(synthetic: SyntheticData, home: Path) -> dict[str, str]:
    """sen2cor cannot be part of it, so the embedded processor takes its place."""
    dagster_home = home / "dagster_home"
    dagster_home.mkdir(parents=True, exist_ok=True)
    shutil.copy(SHIPPED / "dagster.yaml", dagster_home)
    settings = synthetic.settings()
    del settings["BEN_L2A_DIR"]
    return {
        **settings,
        "BEN_TRACKED_ARTIFACTS": str(TRACKED),
        "BEN_DATA_DIR": str(home / "data"),
        "BEN_L2A_PROCESSOR": "dark-object",
        "DAGSTER_HOME": str(dagster_home),
    }


def _write_settings(synthetic: SyntheticData) -> None:
    """``settings.sh``, for commands on the demo's results."""
    lines = [
        f"export {k}={shlex.quote(v)}" for k, v in _settings(synthetic, DEMO).items()
    ]
    (DEMO / "settings.sh").write_text("\n".join(lines) + "\n")


def _use(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def _serve(port: str) -> int:
    if not (DEMO / "dagster_home").is_dir():
        print("no demo results yet: run 'make demo' first", file=sys.stderr)
        return 2
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", int(port))) == 0:
            advice = "stop it, or choose another: make demo-ui PORT=3001"
            print(f"port {port} is taken by another program; {advice}", file=sys.stderr)
            return 2
    synthetic = SyntheticData(DEMO / "synthetic", ())
    print(f"Dagster UI on http://127.0.0.1:{port} (stop with Ctrl-C)", flush=True)
    command = [sys.executable, "-m", "dagster", "dev", "-h", "127.0.0.1", "-p", port]
    command += ["-m", "ben_assets.definitions"]
    # not in the repository's folder, whose .env Dagster would read
    environment = demo_environment(synthetic) | {"PYTHONPATH": str(REPOSITORY)}
    os.chdir(DEMO)
    _UI.write_text(f"{os.getpid()} {started_at(os.getpid())}")
    # a shell's background job ignores it, and Dagster would go on to
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # in the place of this process, so that signals go to Dagster itself
    return os.execve(sys.executable, command, environment)


if __name__ == "__main__":
    sys.exit(main())
