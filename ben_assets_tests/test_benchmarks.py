"""The benchmarks of downloads and archives still run, on little data."""

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


def test_the_benchmark_of_archives_ends_with_its_table(tmp_path) -> None:
    """With four patches in place of thousands."""
    small = ["--patches", "2", "--repeats", "1", "--folder", str(tmp_path / "bench")]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.archives", *small],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert "CPU s of its parts" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []
