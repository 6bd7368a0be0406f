"""``make demo-ui``: Dagster on the demo's results, with all that its jobs ask."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from ben_assets.demo.services import (
    DEMO,
    OWN,
    demo_environment,
    demo_services,
    demo_settings,
    own_environment,
    own_settings,
    write_settings,
)
from ben_assets.file_pages import FilePages
from ben_assets.synthetic.dataset import SyntheticData
from ben_assets.synthetic.own_region import OwnRegion
from ben_assets.testing.processes import answers, end_on_term, signal_group
from resources.data_root.locks import started_at
from resources.settings import FILES_URL, REPOSITORY

_PROCESS: Final = "ui.process"
_STOP_SECONDS: Final = 20
_FIRST_GROUPS: Final = ("l1c", "l2a", "patches", "reference_maps", "release")
"""Groups that the first look at the graph shows open: the way of a tile."""


def is_ui_running() -> bool:
    """Whether a ``make demo-ui`` shows what is in ``.demo``."""
    return any(_is_running(home / _PROCESS) for home in (DEMO, OWN))


def _is_running(file: Path) -> bool:
    try:
        pid, started = file.read_text().split()
    except (FileNotFoundError, ValueError):
        return False
    return started_at(int(pid)) == started


def serve(port: str, *, own: bool) -> int:
    """Serve until Ctrl-C; exit code.

    Args:
        port: of the UI.
        own: show the data set of one's own in place of BigEarthNet's tiles.
    """
    home = OWN if own else DEMO
    if not (home / "dagster_home").is_dir():
        print("no demo results yet: run 'make demo' first", file=sys.stderr)
        return 2
    if answers(int(port)):
        advice = f"stop it, or choose another: make demo-ui PORT={int(port) + 1}"
        print(f"port {port} is taken by another program; {advice}", file=sys.stderr)
        return 2
    (home / _PROCESS).write_text(f"{os.getpid()} {started_at(os.getpid())}")
    end_on_term()
    # a shell's background job ignores it, and so would all that is started here
    signal.signal(signal.SIGINT, signal.default_int_handler)
    synthetic, region = SyntheticData(DEMO / "synthetic", ()), OwnRegion(OWN)
    with demo_services(synthetic) as servers, FilePages(home / "data") as pages:
        settings = own_settings(region, OWN) if own else demo_settings(synthetic, DEMO)
        write_settings(settings | servers, home)
        environment = own_environment(region) if own else demo_environment(synthetic)
        environment |= servers | {FILES_URL: pages.url}
        with (
            contextlib.suppress(KeyboardInterrupt),
            _dagster(port, environment, home) as ui,
        ):
            _print_addresses(port, pages.url, own=own)
            return ui.wait()
    return 0


def _print_addresses(port: str, pages: str, *, own: bool) -> None:
    address = f"http://127.0.0.1:{port}"
    opened = ",".join(f"global@global:{group}" for group in _FIRST_GROUPS)
    print(f"Dagster UI    {address} (half a minute; stop with Ctrl-C)")
    print(f"its lineage   {address}/asset-groups?expanded={opened}")
    print(f"the report    {pages}/data/release_report/report.html")
    shown, command = ("BigEarthNet's tiles", "make demo-ui OWN=1 PORT=3001")
    if own:
        shown, command = ("a data set of one's own", "make demo-ui PORT=3001")
    print(f"shown is      {shown}; beside it: {command}", flush=True)


@contextlib.contextmanager
def _dagster(
    port: str, environment: Mapping[str, str], home: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Dagster's processes, a group of their own, so that none outlives the demo."""
    command = [sys.executable, "-W", "ignore", "-m", "dagster", "dev", "-h"]
    command += ["127.0.0.1", "-p", port, "-w", str(REPOSITORY / "workspace.yaml")]
    process = subprocess.Popen(
        command,
        # not in the repository's directory, whose .env Dagster would read
        cwd=home,
        env={**environment, "PYTHONPATH": str(REPOSITORY)},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        signal_group(process, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
        signal_group(process, signal.SIGKILL)
        process.wait()
