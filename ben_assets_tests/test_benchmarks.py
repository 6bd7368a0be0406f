"""Benchmarks of downloads still run; campaigns are there, and end in time."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from benchmarks.soak import CAMPAIGNS, Campaign
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


@pytest.mark.parametrize("campaign", CAMPAIGNS, ids=lambda one: one.module)
def test_a_campaign_of_make_soak_is_there(campaign) -> None:
    assert importlib.util.find_spec(campaign.module) is not None


def test_a_campaign_that_does_not_end_is_ended(capfd) -> None:
    endless = Campaign("http.server", ("0", "--bind", "127.0.0.1"), short_minutes=0)
    assert not endless.run(is_short=True)
    assert "not at its end after 0 minutes" in capfd.readouterr().out
