"""``make bench``: every benchmark that there is, one after another."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

BENCHMARKS: Final = (
    ("benchmarks.main_job",),
    ("benchmarks.hash_tiffs", ".bench/main_job/round-1/data/patches"),
    ("benchmarks.verify_deep", ".bench/main_job/round-1/data"),
    ("benchmarks.archives",),
    ("benchmarks.land_cover",),
    ("benchmarks.training",),
    ("benchmarks.overview",),
    ("benchmarks.dark_object",),
    ("benchmarks.cdse_download",),
    ("benchmarks.bucket_download",),
    ("benchmarks.postgis",),
    ("benchmarks.cluster",),
)
"""Modules with a ``main`` that prints its table, and their arguments; each in a process
of its own. The main job leaves its results for the hashes."""


def main() -> int:
    """Run all benchmarks, also after one missed its goal; 1 if one did."""
    missed = []
    for module, *arguments in BENCHMARKS:
        print(f"\n== {module}", flush=True)
        command = [sys.executable, "-m", module, *arguments]
        if subprocess.run(command, check=False).returncode:
            missed.append(module)
    print(f"\nMISSED: {', '.join(missed)}" if missed else "\nall goals reached")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
