"""Worlds that tests work on; everything is made by code, under pytest's temp folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ben_assets.synthetic.dataset import SyntheticData, make_synthetic_data
from ben_assets.synthetic.tiles import DEMO_TILES, OWN_TILE
from ben_assets_tests.pipeline import Pipeline, link_tree

_SETTINGS = ("BEN_", "CDSE_", "SEN2COR_", "DAGSTER_")


@pytest.fixture(autouse=True)
def _no_settings_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test sees the defaults and what it sets itself."""
    for name in list(os.environ):
        if name.startswith(_SETTINGS) and name != "BEN_SHARED":
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


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a memory disk of a given size; skips where that is not permitted."""
    from ben_assets_tests.pipeline import mounted_disk

    with mounted_disk(tmp_path / "disk") as mount:
        yield mount


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules with a time limit of their own are the long ones: these start first."""
    items.sort(key=lambda item: item.get_closest_marker("timeout") is None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests measured with ``record_property``, for people; nothing hangs on it."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"measured: {name}: {value}")
