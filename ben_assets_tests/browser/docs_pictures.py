"""``make pictures``: the pictures in ``docs/``, taken by a browser from the demo.

``patch.png``: a patch of the report's gallery; ``report.png``: the report's first page;
``ui.png``: the land cover of a tile in Dagster's UI.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Error, Page, sync_playwright

from ben_assets.testing.processes import free_ports
from resources.settings import REPOSITORY

DOCS: Final = REPOSITORY / "docs"
REPORT: Final = REPOSITORY / ".demo/data/release_report/report.html"
MAX_BYTES: Final = 150_000
COLOURS: Final = 128
LARGEST: Final = (700, 800)
SCALE: Final = 1.2
CHROMIUM: Final = ("chromium", "chromium-headless-shell")
START_MS: Final = 120_000
DRAWN_MS: Final = 1_000
"""A dialog slides into its place."""


def main() -> int:
    """Take the pictures; 2 without a browser or without the demo's results."""
    chromium = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if chromium is None or not REPORT.is_file():
        missing = "chromium" if chromium is None else f"{REPORT} (make demo)"
        print(f"{missing} is missing", file=sys.stderr)
        return 2
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(
            viewport={"width": 1000, "height": 1240}, device_scale_factor=SCALE
        )
        page.goto(REPORT.as_uri())
        take_report(page, DOCS / "report.png")
        take_patch(page, DOCS / "patch.png")  # scrolls
        with demo_ui() as address:
            take_ui(page, address, DOCS / "ui.png")
        browser.close()
    return 0


def take_patch(page: Page, path: Path) -> None:
    """The patch of the gallery with the most labels, the first of several."""
    patches = page.locator(".gallery > li")
    labels = [
        patches.nth(number).locator(".tags li").count()
        for number in range(patches.count())
    ]
    patches.nth(labels.index(max(labels))).screenshot(path=path)
    make_small(path)


def take_report(page: Page, path: Path) -> None:
    """What a reader sees of the report without scrolling."""
    page.screenshot(path=path)
    make_small(path)


@contextlib.contextmanager
def demo_ui() -> Iterator[str]:
    """Serve ``make demo-ui`` meanwhile; its address, as it prints it.

    Raises:
        RuntimeError: it ended without printing one; what it said is on the terminal.
    """
    command = [sys.executable, "-u", "-m", "ben_assets.demo", "--ui", "--port"]
    with subprocess.Popen(
        [*command, str(free_ports(1)[0])], stdout=subprocess.PIPE, text=True
    ) as served:
        assert served.stdout is not None
        try:
            for line in served.stdout:
                if found := re.match(r"Dagster UI\s+(\S+)", line):
                    yield found[1]
                    return
            raise RuntimeError("expected an address from make demo-ui")
        finally:
            served.send_signal(signal.SIGTERM)
            served.stdout.read()


def take_ui(page: Page, address: str, path: Path) -> None:
    """The land cover of the tile with the largest picture, on its asset's page."""
    page.set_viewport_size({"width": 1100, "height": 790})
    maps = REPORT.parents[1] / "reference_maps"
    key = max(maps.glob("T*.png"), key=lambda png: png.stat().st_size).stem
    tile = f"{address}/assets/reference_maps?view=partitions&partition={key}"
    _open_when_served(page, tile)
    row = page.get_by_role("row").filter(has_text="land cover")
    row.get_by_text("[Show Markdown]").click(timeout=START_MS)
    page.locator("img[src^='data:image/']").wait_for()
    page.wait_for_timeout(DRAWN_MS)
    page.screenshot(path=path)
    make_small(path)


def _open_when_served(page: Page, address: str) -> None:
    """Dagster takes half a minute to start."""
    end = time.monotonic() + START_MS / 1000
    while time.monotonic() < end:
        with contextlib.suppress(Error):
            page.goto(address)
            return
        page.wait_for_timeout(500)
    raise RuntimeError(f"{address}: expected the UI, found no answer")


def make_small(path: Path) -> None:
    """Store a picture at a README's size and with a palette.

    Raises:
        ValueError: it is larger than allowed even so.
    """
    with Image.open(path) as picture:
        small = picture.convert("RGB")
    small.thumbnail(LARGEST)
    small = small.quantize(COLOURS)
    small.save(path, optimize=True)
    if (size := path.stat().st_size) > MAX_BYTES:
        raise ValueError(f"{path}: expected at most {MAX_BYTES} bytes, found {size}")


if __name__ == "__main__":
    sys.exit(main())
