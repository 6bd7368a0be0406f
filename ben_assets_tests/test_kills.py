"""Killed and concurrent runs; ``make soak`` does this 200 times."""

from __future__ import annotations

import os
import sys

import pytest

from ben_assets_tests.support.programs import Fork, run_command, run_module

pytestmark = pytest.mark.timeout(600)


def test_a_tile_is_whole_or_absent_at_any_moment_and_the_next_run_repairs():
    campaign = ["--seed", "7", "--kills", "10", "--pairs", "2"]
    command = [sys.executable, "-m", "benchmarks.soak_main_job", *campaign]
    run = run_command(command, os.environ)
    assert run.code == 0, run.output[-3000:]
    assert "10 kills" in run.output
    assert "the result of one run" in run.output


def test_two_dagster_runs_of_one_tile_at_once_both_succeed(pipeline):
    """From the product to the archives; each waits for what the other writes.

    The bytes are also those of this process, where PROJ and GDAL did other things
    before: a search for the code of a CRS once changed what tables said of theirs.
    """
    key = pipeline.keys[0]
    select = "l2a_tiles,patches,reference_maps,metadata_tables,aligned_dataset,archives"
    environment = pipeline.environment()
    assert run_module("dagster", "instance", "info", environment=environment).code == 0
    runs = [Fork(pipeline.words(select, key), environment) for _ in range(2)]
    ended = [run.wait() for run in runs]
    outputs = [one.output for one in ended]
    assert [one.code for one in ended] == [0, 0], "\n".join(outputs)[-5000:]
    assert any("waiting" in output for output in outputs)
    together = pipeline.tree()
    pipeline.make_tile(key, upto="archives")
    assert pipeline.tree() == together
