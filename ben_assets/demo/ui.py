"""``make demo-ui``: Dagster on the demo's results, with all that its jobs ask."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Final

from ben_assets.demo.services import demo_services
from ben_assets.demo.settings import (
    DEMO,
    demo_environment,
    demo_settings,
    write_settings,
)
from ben_assets.file_pages import FilePages
from ben_assets.synthetic.dataset import SyntheticData
from ben_assets.testing.processes import answers, end_on_term, signal_group
from resources.data_root.locks import started_at
from resources.settings import FILES_URL, REPOSITORY

_UI: Final = DEMO / "ui.process"
_STOP_SECONDS: Final = 20
_FIRST_GROUPS: Final = ("l1c", "l2a", "patches", "reference_maps", "release")
"""Groups that the first look at the graph shows open: the way of a tile."""


def is_ui_running() -> bool:
    """Whether a ``make demo-ui`` shows what is in ``.demo``."""
    try:
        pid, started = _UI.read_text().split()
    except (FileNotFoundError, ValueError):
        return False
    return started_at(int(pid)) == started


def serve(port: str) -> int:
    """Serve until Ctrl-C; exit code."""
    if not (DEMO / "dagster_home").is_dir():
        print("no demo results yet: run 'make demo' first", file=sys.stderr)
        return 2
    if answers(int(port)):
        advice = "stop it, or choose another: make demo-ui PORT=3001"
        print(f"port {port} is taken by another program; {advice}", file=sys.stderr)
        return 2
    synthetic = SyntheticData(DEMO / "synthetic", ())
    _UI.write_text(f"{os.getpid()} {started_at(os.getpid())}")
    end_on_term()
    # a shell's background job ignores it, and so would all that is started here
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with demo_services(synthetic) as servers, FilePages(DEMO / "data") as pages:
        write_settings(demo_settings(synthetic, DEMO) | servers, DEMO)
        environment = demo_environment(synthetic) | servers | {FILES_URL: pages.url}
        with contextlib.suppress(KeyboardInterrupt), _dagster(port, environment) as ui:
            _print_addresses(port, pages.url)
            return ui.wait()
    return 0


def _print_addresses(port: str, pages: str) -> None:
    address = f"http://127.0.0.1:{port}"
    opened = ",".join(f"global@global:{group}" for group in _FIRST_GROUPS)
    print(f"Dagster UI    {address} (half a minute; stop with Ctrl-C)")
    print(f"its lineage   {address}/asset-groups?expanded={opened}")
    print(f"the report    {pages}/data/release_report/report.html", flush=True)


@contextlib.contextmanager
def _dagster(
    port: str, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Dagster's processes, a group of their own, so that none outlives the demo."""
    command = [sys.executable, "-W", "ignore", "-m", "dagster", "dev", "-h"]
    command += ["127.0.0.1", "-p", port, "-w", str(REPOSITORY / "workspace.yaml")]
    process = subprocess.Popen(
        command,
        # not in the repository's directory, whose .env Dagster would read
        cwd=DEMO,
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
