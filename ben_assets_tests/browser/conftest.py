"""A real browser on the real UI, on results made by real runs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from ben_assets.demo.services import demo_services, write_other_inputs
from ben_assets.file_pages import FilePages
from ben_assets.synthetic.dataset import SyntheticData, make_synthetic_data
from ben_assets.synthetic.tiles import GOLDEN_TILES
from ben_assets.testing.processes import without_settings
from ben_assets_tests.browser.server import DagsterDev
from ben_assets_tests.support.programs import Fork, run_module
from resources.settings import FILES_URL, REPOSITORY

SCREENSHOTS = REPOSITORY / "screenshots"
PATIENCE_MS = 60_000
expect.set_options(PATIENCE_MS)
SHELL = "chromium-headless-shell"
RESULTS = "ben_assets_tests.browser.results"


@dataclass(frozen=True)
class Results:
    """Three tiles and their release, and a UI that shows them."""

    keys: tuple[str, ...]
    small: str
    """A third tile, small."""
    data: Path
    ui: DagsterDev
    on_record: Fork


@pytest.fixture(scope="session")
def chromium() -> str:
    """The one without a window draws a page for half the work of the whole one."""
    path = shutil.which(SHELL) or shutil.which("chromium")
    if path is None:
        assert os.environ.get("CI") != "true", f"no {SHELL}; .ci/run installs it"
        pytest.skip(f"no chromium on this machine (Debian: apt-get install {SHELL})")
    return path


@pytest.fixture(scope="session")
def results(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    """Made while the UI starts; the second tile has a wrong tracked hash.

    The services of the demo answer as long as the UI runs.
    """
    home = tmp_path_factory.mktemp("browser")
    synthetic = make_synthetic_data(home / "synthetic", tiles=GOLDEN_TILES[:3])
    write_other_inputs(synthetic, GOLDEN_TILES[:3])
    (home / "dagster_home").mkdir()
    shutil.copy(REPOSITORY / "dagster.yaml", home / "dagster_home")
    tracked = home / "tracked" / "hashes" / "archives.csv"
    tracked.parent.mkdir(parents=True)
    wrong = f"{synthetic.tile_keys[1]},3,1,{'0' * 64}"
    tracked.write_text(f"tile,files,bytes,sha256\n{wrong}\n")
    with demo_services(synthetic) as servers, FilePages(home / "data") as pages:
        yield from _results(home, synthetic, servers | {FILES_URL: pages.url})


def _results(
    home: Path, synthetic: SyntheticData, addresses: dict[str, str]
) -> Iterator[Results]:
    environment = {
        **without_settings(),
        **synthetic.settings(),
        **addresses,
        "BEN_DATA_DIR": str(home / "data"),
        "BEN_TRACKED_ARTIFACTS": str(home / "tracked"),
        "DAGSTER_HOME": str(home / "dagster_home"),
    }
    # two processes that both make its tables would break a fresh instance
    instance = run_module("dagster", "instance", "info", environment=environment)
    assert instance.code == 0, instance.output
    ui = DagsterDev(home, environment | {"PYTHONPATH": str(REPOSITORY)})
    try:
        made = run_module(RESULTS, "tiles", environment=environment)
        assert made.code == 0, made.output
        on_record = Fork((RESULTS, "record"), environment)
        try:
            ui.wait()
            *keys, small = synthetic.tile_keys
            yield Results(tuple(keys), small, home / "data", ui, on_record)
        finally:
            on_record.process.kill()
    finally:
        ui.stop()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages; in the end no one may have asked any host but this one."""
    requested: list[str] = []
    pages: list[Page] = []

    def open_one(**options: object) -> Page:
        options = {"viewport": {"width": 1440, "height": 900}} | options
        page = browser.new_page(**options)
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", lambda request: requested.append(request.url))
        pages.append(page)
        return page

    yield open_one
    for page in pages:
        page.close()
    elsewhere = {
        url[:100]
        for url in requested
        if urlsplit(url).scheme not in ("file", "data", "blob")
        and urlsplit(url).hostname != "127.0.0.1"
    }
    assert elsewhere == set(), "pages must not need the internet"


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    return open_page()


@pytest.fixture
def photograph(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Keeps a screenshot under the name of the test."""

    def take(page: Page, suffix: str = "", **options: object) -> None:
        SCREENSHOTS.mkdir(exist_ok=True)
        name = request.node.originalname.removeprefix("test_") + suffix
        page.screenshot(path=SCREENSHOTS / f"{name}.png", **options)

    return take
