"""Data that tests work on; everything is made by code, under pytest's temp folder."""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol

from ben_assets.synthetic.dataset import SyntheticData, make_synthetic_data
from ben_assets.synthetic.tiles import DEMO_TILES, OWN_TILE
from ben_assets.testing.processes import NOT_INHERITED
from ben_assets_tests.support.pipeline import Pipeline, link_tree

Report = pytest.TestReport
SECOND_TRY = "needed a second try"
MAY_SKIP_IN_CI = re.compile(
    "shared|samples|real products"  # inputs too large for the repository
    "|mounting a memory disk is not permitted"  # by the container that CI runs in
    "|GDAL without its SENTINEL2 driver"  # by the wheel of the lock file
)
"""Reasons that are no fault of the machine that CI has set up."""


def pytest_sessionfinish() -> None:
    """Python 3.11 may fail to parse what the summary imports while it collects."""
    gc.disable()


@pytest.fixture(autouse=True)
def _no_settings_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test sees the defaults and what it sets itself."""
    for name in list(os.environ):
        if name.startswith(NOT_INHERITED) and name != "BEN_SHARED":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> SyntheticData:
    """Three small tiles with all they need, L2A only; not to be written to."""
    root = tmp_path_factory.mktemp("synthetic")
    return make_synthetic_data(
        root / "synthetic", tiles=(*DEMO_TILES, OWN_TILE), l1c=False
    )


@pytest.fixture
def pipeline(synthetic: SyntheticData, tmp_path: Path) -> Pipeline:
    """The synthetic data set, an empty data root; inputs can be damaged one by one."""
    return Pipeline(synthetic, tmp_path)


@pytest.fixture(scope="session")
def _finished(
    synthetic: SyntheticData, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    root = tmp_path_factory.mktemp("finished")
    pipeline = Pipeline(synthetic, root)
    for key in synthetic.tile_keys:
        pipeline.make_tile(key)
    pipeline.make_release()
    return pipeline.data


@pytest.fixture
def finished(pipeline: Pipeline, _finished: Path) -> Pipeline:
    """The pipeline after a whole release was made in it."""
    link_tree(_finished, pipeline.data)
    return pipeline


@pytest.fixture(scope="session")
def _trained(_finished: Path, synthetic, tmp_path_factory) -> Path:
    pipeline = Pipeline(synthetic, tmp_path_factory.mktemp("trained"))
    link_tree(_finished, pipeline.data)
    pipeline.make_training()
    return pipeline.data


@pytest.fixture
def trained(pipeline: Pipeline, _trained: Path) -> Pipeline:
    """The pipeline after release and training assets were made in it."""
    link_tree(_trained, pipeline.data)
    return pipeline


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a memory disk of a given size; skips where that is not permitted."""
    from ben_assets_tests.support.pipeline import mounted_disk

    with mounted_disk(tmp_path / "disk") as mount:
        yield mount


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules with a time limit of their own are the long ones: these start first."""
    items.sort(key=lambda item: item.get_closest_marker("timeout") is None)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: pytest.Item | None
) -> bool | None:
    """A test of real servers or a browser has a second try, with all set up anew."""
    if item.get_closest_marker("real_server") is None:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    failed = next((report for report in reports if report.failed), None)
    if failed is not None:
        item.session._setupstate.teardown_exact(None)
        why = failed.longreprtext.strip().rpartition("\n")[2]
        item.user_properties[:] = [(SECOND_TRY, f"{item.nodeid}: {why}")]
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Report, Report]:
    """Under ``CI=true`` nothing may be skipped because something is not installed."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true":
        reason = str(report.longrepr)
        if not hasattr(report, "wasxfail") and not MAY_SKIP_IN_CI.search(reason):
            report.outcome = "failed"
            report.longrepr = f"skipped although CI=true: {reason}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was tried twice, and what tests measured with ``record_property``."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, value in report.user_properties:
                if name == SECOND_TRY or outcome == "passed":
                    terminalreporter.write_line(f"{name}: {value}")
