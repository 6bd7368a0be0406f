"""What a user does in the Dagster UI, done by a browser."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Page, expect

from ben_assets.assets import STAGES
from ben_assets_tests.browser.conftest import MAKING_SECONDS, Results

pytestmark = [pytest.mark.timeout(400), pytest.mark.real_server]

FINISHED = re.compile(r"Success|Succeeded")


def open_partition(page: Page, results: Results, asset: str, key: str) -> None:
    page.goto(f"{results.ui.url}/assets/{asset}?view=partitions&partition={key}")
    page.get_by_text("made_with", exact=True).first.wait_for()


def open_launchpad(page: Page, results: Results, asset: str) -> None:
    """The dialog to materialize, with the first tile chosen."""
    open_partition(page, results, asset, results.keys[0])
    page.get_by_role("button", name="Materialize").first.click()
    page.get_by_role("button", name=re.compile("Confirm|Launch 1 run")).wait_for()
    confirm = page.get_by_role("button", name="Confirm")
    if confirm.is_visible():  # inputs lie on disk without Dagster having fetched them
        confirm.click()
    page.get_by_role("button", name="Launch 1 run").wait_for()


def wait_for(ask, seconds: int = 120):
    """The first answer that is not None."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = ask()
        if answer is not None:
            return answer
        time.sleep(0.5)
    raise AssertionError(f"nothing happened in {seconds} s")


@pytest.fixture(scope="module")
def backfill(browser, results) -> str:
    """Id of a backfill of two tiles, launched from the UI."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    open_launchpad(page, results, "metadata_tables")
    page.get_by_text(f"…{results.keys[0][-6:]}").last.click()
    page.get_by_placeholder("Filter partitions").fill(results.keys[1])
    choices = page.locator(".dagster-popover input[type=checkbox]")
    expect(choices).to_have_count(2)  # all, and the one that was looked for
    choices.last.locator("xpath=..").click()
    page.get_by_role("button", name="Launch backfill").click()
    query = "{partitionBackfillsOrError{...on PartitionBackfills{results{id}}}}"

    def found() -> str | None:
        listed = results.ui.ask(query)["partitionBackfillsOrError"]["results"]
        return listed[0]["id"] if listed else None

    backfill_id = wait_for(found)
    page.close()
    return backfill_id


def test_a_backfill_of_two_tiles_is_launched_from_the_dialog(backfill):
    """Its end is seen last: the daemon looks for backfills every 30 seconds."""
    assert re.fullmatch(r"[a-z]{8}", backfill)


def test_the_graph_shows_all_groups_in_flow_order(page, results, photograph):
    page.goto(f"{results.ui.url}/asset-groups")
    page.get_by_text("reference_maps", exact=True).first.wait_for()
    listed = page.locator("body").inner_text().split("\n")
    for group in STAGES:
        assert group in listed
    photograph(page)


def test_an_asset_page_tells_what_it_is(page, results, photograph):
    page.goto(f"{results.ui.url}/assets/patches")
    page.get_by_text("Twelve GeoTIFFs of each valid, aligned patch").first.wait_for()
    for text in ("bigearthnet", "geotiff", "ben/level: patch"):
        page.get_by_text(text, exact=True).first.wait_for()
    photograph(page)


@pytest.mark.parametrize(
    ("asset", "title"),
    [
        ("patches", "true colour"),
        ("patches", "split and validity"),
        ("reference_maps", "land cover"),
        ("metadata_tables", "label histogram"),
    ],
)
def test_a_partition_page_shows_its_picture(page, results, photograph, asset, title):
    open_partition(page, results, asset, results.keys[0])
    row = page.get_by_role("row").filter(has_text=title)
    row.get_by_text("[Show Markdown]").click()
    picture = page.locator("img[src^='data:image/']")
    picture.wait_for()
    assert picture.evaluate("image => image.complete && image.naturalWidth") > 300
    shown = picture.bounding_box()
    assert shown is not None
    assert shown["x"] >= 0
    assert shown["x"] + shown["width"] <= 1440, "all of it is on the screen"
    photograph(page, f"_{asset}_{title.replace(' ', '_')}")


def test_a_failing_check_says_what_differs(page, results, photograph):
    page.goto(
        f"{results.ui.url}/assets/archives?view=checks&checkDetail=matches_tracked_hash"
    )
    page.get_by_text("differs from the tracked hash in bytes, sha256").wait_for()
    page.get_by_text(results.keys[1]).first.wait_for()
    wrong = page.get_by_text("0" * 64).first
    wrong.wait_for()
    place = wrong.bounding_box()
    assert place is not None
    assert place["x"] + place["width"] <= 1440, "all of the digest is on the screen"
    page.get_by_text("Failed", exact=True).first.wait_for()
    photograph(page)


def test_a_tile_is_materialized_from_the_dialog(page, results, photograph):
    open_launchpad(page, results, "archives")
    page.get_by_role("button", name="Launch 1 run").click()
    page.get_by_text("View", exact=True).click()
    page.wait_for_url("**/runs/*")
    run_id = page.url.rpartition("/")[2].partition("?")[0]
    query = f'{{runOrError(runId:"{run_id}"){{...on Run{{status}}}}}}'

    def finished() -> str | None:
        status = results.ui.ask(query)["runOrError"]["status"]
        return status if status in ("SUCCESS", "FAILURE", "CANCELED") else None

    assert wait_for(finished) == "SUCCESS"
    page.get_by_text(FINISHED).first.wait_for()
    page.get_by_text("files packed").first.wait_for()
    photograph(page)


def test_the_ui_stays_usable_with_125_tiles_on_record(page, results, record_property):
    """Measured, not asserted: a busy machine verifies nothing."""
    assert results.on_record.wait(MAKING_SECONDS) == 0
    for what, url, sign in (
        ("asset graph", "/asset-groups", "reference_maps"),
        (
            "partition page",
            f"/assets/patches?view=partitions&partition={results.keys[0]}",
            "[Show Markdown]",
        ),
    ):
        started = time.perf_counter()
        page.goto(results.ui.url + url)
        page.get_by_text(sign, exact=True).first.wait_for()
        seconds = time.perf_counter() - started
        record_property(f"{what} with 125 tiles on record", f"{seconds:.1f} s")


def test_the_backfill_of_two_tiles_finishes(page, results, backfill, photograph):
    query = (
        f'{{partitionBackfillOrError(backfillId:"{backfill}")'
        "{...on PartitionBackfill{status runs(limit:9){status tags{key value}}}}}"
    )

    def finished() -> dict | None:
        found = results.ui.ask(query)["partitionBackfillOrError"]
        return None if found["status"] == "REQUESTED" else found

    found = wait_for(finished)
    assert found["status"] == "COMPLETED_SUCCESS"
    assert [run["status"] for run in found["runs"]] == ["SUCCESS", "SUCCESS"]
    tiles = {
        tag["value"]
        for run in found["runs"]
        for tag in run["tags"]
        if tag["key"] == "dagster/partition"
    }
    assert tiles == set(results.keys)
    page.goto(f"{results.ui.url}/runs/b/{backfill}")
    page.get_by_text(FINISHED).first.wait_for()
    photograph(page)
