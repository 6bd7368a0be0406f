"""Benchmarks still run, on little data; campaigns are there, and end in time."""

from __future__ import annotations

import subprocess
import sys

import pytest

from resources.settings import REPOSITORY


@pytest.mark.parametrize(
    ("name", "row"),
    [("bucket", "checks of the 1 MB afterwards: "), ("cdse", "peak memory: ")],
)
def test_a_benchmark_of_downloads_ends_with_its_table(name, row) -> None:
    """At a thousandth of the size; whether it reaches its goal says nothing here."""
    module = f"benchmarks.{name}_download"
    done = subprocess.run(
        [sys.executable, "-m", module, "--megabytes", "1", "--repeats", "1"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert row in done.stdout, done.stderr


CAMPAIGNS = """
import importlib.util
import pkgutil
import benchmarks
from benchmarks.soak import CAMPAIGNS, Campaign
for one in pkgutil.iter_modules(benchmarks.__path__, "benchmarks."):
    importlib.import_module(one.name)
assert all(importlib.util.find_spec(one.module) for one in CAMPAIGNS)
endless = Campaign("http.server", ("0", "--bind", "127.0.0.1"), short_minutes=0)
assert not endless.run(is_short=True)
"""


def test_all_is_there_and_a_campaign_that_does_not_end_is_ended() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CAMPAIGNS],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "not at its end after 0 minutes" in done.stdout


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
