"""Processes of our own: environment, ports, waiting, signals."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Final

from ben_assets.testing.cluster_client import ClusterError

NOT_INHERITED: Final = (
    "BEN_",
    "CDSE_",
    "CLMS_",
    "DAGSTER_",
    "HF_",
    "SEN2COR_",
    "ZENODO_",
)
"""How the names of settings begin."""
_START_SECONDS: Final = 120


def without_settings() -> dict[str, str]:
    """The environment of this process without any setting of the caller."""
    return {k: v for k, v in os.environ.items() if not k.startswith(NOT_INHERITED)}


def end_on_term() -> None:
    """Have TERM end this process as Ctrl-C does, so that it stops what it started."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def free_ports(number: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def wait_until(
    condition: Callable[[], bool], what: str, seconds: float = _START_SECONDS
) -> None:
    """Return when a condition holds.

    Raises:
        ClusterError: it does not in time.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise ClusterError(f"waited {seconds:.0f} s for {what} in vain")
        time.sleep(0.2)


def answers(port: int) -> bool:
    """Whether somebody listens on a port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """To the process and its children; the group is there while one of them is."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
