"""The release report as people read it: on a desk, on a phone, at night, on paper."""

from __future__ import annotations

import re

import pytest

from ben_assets.steps.report import make_release_report
from ben_assets_tests.support.pipeline import Pipeline

pytestmark = pytest.mark.real_server

CONTRAST = """() => {
  const light = c => {
    const [r, g, b] = c.match(/[\\d.]+/g).slice(0, 3).map(v => {
      v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor;
      if (!/, 0\\)$/.test(c) && c !== 'transparent') return c; }
    return getComputedStyle(document.body).backgroundColor; };
  return [...document.querySelectorAll('main *, nav *, header *, footer *')]
    .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())
      && !e.closest('svg') && e.getClientRects().length)
    .map(e => {
      const a = light(getComputedStyle(e).color), b = light(ground(e));
      return [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), e.outerHTML]; })
    .filter(([ratio]) => ratio < 4.5)
    .map(([ratio, html]) => ratio.toFixed(1) + ' ' + html.slice(0, 80)); }"""

DESK = {"width": 1440, "height": 900}
PHONE = {"width": 360, "height": 740}


@pytest.fixture
def report(finished: Pipeline) -> str:
    make_release_report(finished.ctx())
    return (finished.data / "release_report" / "report.html").as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [DESK, PHONE], ids=["desk", "phone"])
def test_the_report_fits_and_can_be_read(open_page, report, photograph, screen, scheme):
    page = open_page(viewport=screen, color_scheme=scheme)
    page.goto(report)
    assert page.title() == "BigEarthNet v2: release of 3 tiles"
    widest = page.evaluate("document.documentElement.scrollWidth")
    assert widest <= screen["width"], "no sideways scrolling"
    assert page.evaluate(CONTRAST) == []
    photograph(page, f"_{screen['width']}_{scheme}", full_page=True)


def test_all_pictures_of_the_report_show(page, report):
    page.goto(report)
    sizes = page.evaluate("[...document.images].map(image => image.naturalWidth)")
    assert len(sizes) == 48
    assert set(sizes) == {120}
    drawn = page.locator("figure svg .tile")
    assert drawn.count() == 3


def test_the_sections_are_reached_by_keyboard(page, report):
    page.goto(report)
    page.keyboard.press("Tab")
    focus = page.evaluate("document.activeElement.textContent")
    assert focus == "Skip to the content"
    assert page.locator(".skip").bounding_box()["x"] >= 0
    page.get_by_role("navigation").get_by_role("link", name="Gallery").press("Enter")
    assert page.url.endswith("#gallery")


def test_paper_shows_all_of_every_table(open_page, report, photograph):
    """A table that scrolls on the screen would be cut off on paper."""
    page = open_page(viewport={"width": 718, "height": 1040})  # A4 less its margins
    page.emulate_media(media="print")
    page.goto(report)
    assert page.evaluate("document.documentElement.scrollWidth") <= 718
    assert not page.get_by_role("navigation").is_visible()
    photograph(page, full_page=True)


def test_a_printed_report_tears_no_row_and_repeats_headings(page, report):
    page.emulate_media(media="print")
    page.goto(report)
    torn = """() => [...document.querySelectorAll('tr, .gallery > li, figure')]
      .filter(e => getComputedStyle(e).breakInside !== 'avoid')
      .map(e => e.outerHTML.slice(0, 80))"""
    assert page.evaluate(torn) == []
    heads = (
        "[...document.querySelectorAll('thead')].map(e => getComputedStyle(e).display)"
    )
    assert set(page.evaluate(heads)) == {"table-header-group"}
    printed = page.pdf(prefer_css_page_size=True, print_background=True)
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", printed)
    assert {(round(float(w)), round(float(h))) for w, h in boxes} == {(595, 842)}, "A4"


def test_the_report_says_licence_and_citation(page, report):
    page.goto(report)
    page.get_by_role("link", name="Licence and citation").click()
    said = page.locator("section", has=page.locator("#licence")).inner_text()
    for words in (
        "CDLA-Permissive-1.0",
        "contains modified Copernicus Sentinel data 2018",
        "reBEN: Refined BigEarthNet Dataset for Remote Sensing Image Analysis",
    ):
        assert words in said
