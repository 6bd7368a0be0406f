"""``make bench``: every benchmark that there is, one after another."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from typing import Final

BENCHMARKS: Final = (
    "benchmarks.main_job",
    "benchmarks.dark_object",
    "benchmarks.cdse_download",
    "benchmarks.hash_tiffs",
    "benchmarks.postgis",
)
"""Modules with a ``main`` that prints its table; each in a process of its own."""


def main() -> int:
    """Run all benchmarks, also after one missed its goal; 1 if one did."""
    missed = []
    for module in BENCHMARKS:
        if importlib.util.find_spec(module) is None:
            continue
        print(f"\n== {module}", flush=True)
        if subprocess.run([sys.executable, "-m", module], check=False).returncode:
            missed.append(module)
    print(f"\nMISSED: {', '.join(missed)}" if missed else "\nall goals reached")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
