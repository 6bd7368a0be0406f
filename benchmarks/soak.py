"""``make soak``: the campaigns that are too long for the test suite."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Final

CAMPAIGNS: Final = (
    "benchmarks.soak_main_job",
    "benchmarks.soak_cdse",
    "benchmarks.soak_sources",
    "benchmarks.soak_damage",
    "benchmarks.soak_cluster",
)
"""Modules with a ``main``; each in a process of its own."""


def main() -> int:
    """Run all campaigns, also after one failed; 1 if one did."""
    failed = []
    for module in CAMPAIGNS:
        print(f"== {module}", flush=True)
        started = time.perf_counter()
        if subprocess.run([sys.executable, "-m", module], check=False).returncode:
            failed.append(module)
        print(f"   {time.perf_counter() - started:.0f} s", flush=True)
    print(f"FAILED: {', '.join(failed)}" if failed else "all campaigns held")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
