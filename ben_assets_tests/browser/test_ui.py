"""What a user does in the Dagster UI, done by a browser."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Page, expect

from ben_assets.assets import STAGES
from ben_assets.testing.cdse_state import PASSWORD
from ben_assets_tests.browser.conftest import Results
from ben_assets_tests.support.pipeline import flip
from resources.configured import RESOURCES

pytestmark = [pytest.mark.timeout(400), pytest.mark.real_server]

FINISHED = re.compile(r"Success|Succeeded")


def open_partition(page: Page, results: Results, asset: str, key: str) -> None:
    page.goto(f"{results.ui.url}/assets/{asset}?view=partitions&partition={key}")
    page.get_by_text("made_with", exact=True).first.wait_for()


def open_launchpad(page: Page, results: Results, asset: str, key: str) -> None:
    """The dialog to materialize, with a tile chosen."""
    open_partition(page, results, asset, key)
    page.get_by_role("button", name="Materialize").first.click()
    page.get_by_role("button", name=re.compile("Confirm|Launch 1 run")).wait_for()
    confirm = page.get_by_role("button", name="Confirm")
    if confirm.is_visible():  # inputs lie on disk without Dagster having fetched them
        confirm.click()
    page.get_by_role("button", name="Launch 1 run").wait_for()


def wait_for(ask, seconds: int = 240):
    """The first answer that is not None."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = ask()
        if answer is not None:
            return answer
        time.sleep(0.5)
    raise AssertionError(f"nothing happened in {seconds} s")


def choose_tile(page: Page, key: str) -> None:
    """In the list of partitions that is open."""
    page.get_by_placeholder("Filter partitions").fill(key)
    choices = page.locator(".dagster-popover input[type=checkbox]")
    expect(choices).to_have_count(2)  # all, and the one that was looked for
    choices.last.locator("xpath=..").click()


def launch_verify(page: Page, results: Results, key: str) -> str:
    """Job ``verify`` of a tile, from its launchpad; the status it ends with."""
    page.goto(f"{results.ui.url}/locations/ben/jobs/verify/playground")
    page.get_by_text("No errors").wait_for()
    partition = page.get_by_placeholder("Partition")
    partition.fill(key)
    page.get_by_role("option", name=key).or_(page.get_by_text(key)).last.click()
    page.get_by_role("button", name="Launch Run").click()
    page.wait_for_url("**/runs/*")
    return end_of_run(page, results, page.url.rpartition("/")[2].partition("?")[0])


def launch_run(page: Page, results: Results, key: str) -> str:
    """Launch the dialog's run of a tile; the status it ends with, its page open.

    The note that offers the way there is gone before a busy machine follows it.
    """
    query = (
        f'{{runsOrError(filter:{{tags:[{{key:"dagster/partition",value:"{key}"}}]}})'
        "{...on Runs{results{runId tags{key}}}}}"
    )

    def launched() -> set[str]:
        """Those of a backfill, which may start meanwhile, left out."""
        runs = results.ui.ask(query)["runsOrError"]["results"]
        backfill = {"key": "dagster/backfill"}
        return {run["runId"] for run in runs if backfill not in run["tags"]}

    before = launched()
    page.get_by_role("button", name="Launch 1 run").click()
    (run_id,) = wait_for(lambda: launched() - before or None)
    return end_of_run(page, results, run_id)


def end_of_run(page: Page, results: Results, run_id: str) -> str:
    """The status that a run ends with; its page is open then, and not before.

    A page of a run that goes on is drawn without a pause.
    """
    page.goto(f"{results.ui.url}/server_info")
    query = f'{{runOrError(runId:"{run_id}"){{...on Run{{status}}}}}}'

    def finished() -> str | None:
        status = results.ui.ask(query)["runOrError"]["status"]
        return status if status in ("SUCCESS", "FAILURE", "CANCELED") else None

    status = wait_for(finished)
    page.goto(f"{results.ui.url}/runs/{run_id}")
    return status


@pytest.fixture(scope="module")
def backfill(browser, results) -> str:
    """Id of a backfill of two tiles by job ``tile``, launched from its page."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{results.ui.url}/locations/ben/jobs/tile/partitions")
    page.get_by_role("button", name="Materialize").first.click()
    page.get_by_text("Select a partition or create one").click()
    for key in (results.keys[0], results.small):
        choose_tile(page, key)
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


def test_the_overview_shows_what_was_made(page, results, photograph):
    page.goto(f"{results.ui.url}/overview")
    for job in ("inputs", "tile_from_l2a", "release"):
        page.get_by_text(job, exact=True).first.wait_for()
    page.goto(f"{results.ui.url}/locations/ben/jobs/tile_from_l2a/runs")
    expect(page.locator("a[href*='/runs/']").first).to_be_visible()
    photograph(page)


def test_resources_say_what_they_are_and_keep_secrets(page, results, photograph):
    page.goto(f"{results.ui.url}/locations/ben/resources")
    for name in RESOURCES:
        page.locator(f"a[href$='/resources/{name}']").first.wait_for()
    page.locator("a[href$='/resources/cdse']").first.click()
    page.get_by_text("Open downloads of the account; 4 by default.").wait_for()
    page.get_by_text("Name of the variable with the account's password.").wait_for()
    assert "CDSE_PASSWORD" in page.content()
    assert PASSWORD not in page.content()
    photograph(page)


def test_the_links_of_an_asset_lead_somewhere(page, results):
    page.goto(f"{results.ui.url}/assets/release_report")
    for place, sign in (
        ("data/release_report/report.html", "Skip to the content"),
        ("docs/checks.md", "What is checked, and what a red check means"),
    ):
        with page.expect_popup() as opened:
            page.locator(f"a[href$='{place}']").first.click()
        expect(opened.value.locator("body")).to_contain_text(sign)
        opened.value.close()


def test_one_field_is_overridden_for_one_run_and_the_rest_is_kept(
    page, results, photograph
):
    """Without ``l2a_dir``, or without ``force``, nothing would be imported."""
    open_launchpad(page, results, "l2a_tiles", results.small)
    page.get_by_text("Config", exact=True).last.click()
    page.get_by_role("button", name="Add config").click()
    page.locator(".CodeMirror").click()
    page.keyboard.insert_text(
        "{ops: {l2a_tiles: {config: {force: true}}}, "
        "resources: {sen2cor: {config: {cores: 1}}}}"
    )
    page.get_by_text("No errors").wait_for()
    photograph(page)
    page.get_by_role("button", name="Save config").click()
    assert launch_run(page, results, results.small) == "SUCCESS"
    page.get_by_text("importing").first.wait_for()


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
    """The page shows the latest evaluation, so this tile is the last one made."""
    open_launchpad(page, results, "archives", results.keys[1])
    assert launch_run(page, results, results.keys[1]) == "FAILURE"
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


def test_the_ui_stays_usable_with_125_tiles_on_record(page, results, record_property):
    """Measured, not asserted: a busy machine verifies nothing."""
    assert results.on_record.wait().code == 0
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
    assert tiles == {results.keys[0], results.small}
    page.goto(f"{results.ui.url}/runs/b/{backfill}")
    page.get_by_text(FINISHED).first.wait_for()
    photograph(page)


def test_damage_turns_verify_red_and_its_repair_from_the_dialog_green(
    page, results, backfill, photograph
):
    key = results.small
    archive = results.data / "archives" / key / "S2.tar.zst"
    flip(archive)
    assert launch_verify(page, results, key) == "FAILURE"
    page.get_by_text("The commands that repair it: ben verify").first.wait_for()
    photograph(page, "_red")
    open_launchpad(page, results, "archives", key)
    assert launch_run(page, results, key) == "SUCCESS"
    page.get_by_text(FINISHED).first.wait_for()
    page.get_by_text("files packed").first.wait_for()
    photograph(page, "_repaired")
    assert launch_verify(page, results, key) == "SUCCESS"
    photograph(page, "_green")
