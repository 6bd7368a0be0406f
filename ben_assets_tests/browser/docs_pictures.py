"""``make pictures``: the pictures in ``docs/``, taken by a browser from the demo.

``patch.png``: a patch of the report's gallery; ``report.png``: the report's first page.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from resources.settings import REPOSITORY

DOCS: Final = REPOSITORY / "docs"
REPORT: Final = REPOSITORY / ".demo/data/release_report/report.html"
MAX_BYTES: Final = 150_000
COLOURS: Final = 128
LARGEST: Final = (700, 800)
SCALE: Final = 1.2


def main() -> int:
    """Take both pictures; 2 without a browser or without the demo's results."""
    chromium = shutil.which("chromium")
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
