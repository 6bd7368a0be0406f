"""``make soak``: the campaigns that are too long for the test suite.

``python -m benchmarks.soak [--short]``. Each campaign is a process of its own that may
take so many minutes and no longer; ``make soak SHORT=1`` runs each for about a minute.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Campaign:
    """A module with a ``main``."""

    module: str
    """Its name."""
    short: tuple[str, ...]
    """Arguments that make it short."""
    minutes: float = 90
    """What it may take at full length."""
    short_minutes: float = 15
    """What it may take when short: ten times what it takes on a quiet machine."""

    def run(self, *, is_short: bool) -> bool:
        """Run it, and end it with all that it started if it takes too long."""
        command = [sys.executable, "-m", self.module, *(self.short if is_short else ())]
        minutes = self.short_minutes if is_short else self.minutes
        with subprocess.Popen(command, start_new_session=True) as process:
            try:
                return process.wait(minutes * 60) == 0
            except subprocess.TimeoutExpired:
                print(f"   not at its end after {minutes:.0f} minutes", flush=True)
                return False
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)


CAMPAIGNS: Final = (
    Campaign("benchmarks.soak_main_job", ("--kills", "10", "--pairs", "1")),
    Campaign("benchmarks.soak_writers", ("--minutes", "1")),
    Campaign("benchmarks.soak_disk", ("--levels", "2", "--minutes", "2")),
    Campaign("benchmarks.soak_cdse", ("--products", "4", "--kills", "10")),
    Campaign("benchmarks.soak_sources", ("--products", "4")),
    Campaign("benchmarks.soak_damage", ("--zips", "300", "--every", "20")),
    Campaign("benchmarks.soak_cluster", ("--minutes", "1", "--tiles", "2")),
)


def main() -> int:
    """Run all campaigns, also after one failed; 1 if one did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a minute of each")
    is_short = parser.parse_args().short
    failed = []
    for campaign in CAMPAIGNS:
        print(f"== {campaign.module}", flush=True)
        started = time.perf_counter()
        if not campaign.run(is_short=is_short):
            failed.append(campaign.module)
        print(f"   {time.perf_counter() - started:.0f} s", flush=True)
    print(f"FAILED: {', '.join(failed)}" if failed else "all campaigns held")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
