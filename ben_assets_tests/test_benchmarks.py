"""The benchmarks of downloads still run: what they serve is a product that verifies."""

from __future__ import annotations

import subprocess
import sys

import pytest

from resources.settings import REPOSITORY


@pytest.mark.parametrize("name", ["bucket", "cdse"])
def test_a_benchmark_of_downloads_ends_with_its_table(name) -> None:
    """At a thousandth of the size; whether it reaches its goal says nothing here."""
    module = f"benchmarks.{name}_download"
    done = subprocess.run(
        [sys.executable, "-m", module, "--megabytes", "1", "--repeats", "1"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert "checks of the 1 MB afterwards: " in done.stdout, done.stderr
