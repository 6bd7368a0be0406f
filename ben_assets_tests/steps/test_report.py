from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from ben_assets.bigearthnet.errors import InvalidInput, MissingInput, UnexpectedRaster
from ben_assets.bigearthnet.patch_grid import TileGeocoding
from ben_assets.report.facts import FileFacts, ReleaseFacts, TileFacts
from ben_assets.report.gallery import PATCHES, choose_patches
from ben_assets.report.provenance import render_page
from ben_assets.steps.report import make_release_report
from ben_assets_tests.support.pipeline import Pipeline
from ben_assets_tests.support.removal import remove_tile

VOID = {"meta", "link", "img", "br", "rect", "path"}


class Page(HTMLParser):
    """Elements of a page in order, and what a reader would see or follow."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag in tags]


@pytest.fixture
def page_path(finished: Pipeline) -> Path:
    make_release_report(finished.ctx())
    return finished.data / "release_report" / "report.html"


@pytest.fixture
def page(page_path: Path) -> Page:
    return Page(page_path.read_text())


def kept(pipeline: Pipeline) -> pd.DataFrame:
    folder = pipeline.data / "release_metadata"
    return pd.concat([pd.read_parquet(path) for path in folder.glob("*.parquet")])


def test_the_page_needs_nothing_but_itself(page, page_path):
    text = page_path.read_text()
    assert "http:" not in text
    assert "https:" not in text
    assert not page.all("script", "iframe", "object", "embed")
    assert all(a["src"].startswith("data:image/") for a in page.all("img"))
    assert [a["href"] for a in page.all("link")] == ["data:,"]
    assert "url(" not in text
    assert "@import" not in text
    assert page_path.stat().st_size < 3_000_000


def test_the_page_can_be_read_by_a_screen_reader(page):
    assert page.open == []
    assert page.all("html") == [{"lang": "en"}]
    for landmark in ("header", "nav", "main", "footer", "h1"):
        assert len(page.all(landmark)) == 1, landmark
    assert all(a["alt"] for a in page.all("img"))
    assert all(a["scope"] in ("row", "col") for a in page.all("th"))
    assert len(page.all("table")) == len(page.all("caption")) >= 6
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    targets = {a["href"][1:] for a in page.all("a")}
    targets |= {a["aria-labelledby"] for a in page.all("section")}
    assert targets <= set(ids)


def test_figures_are_those_of_the_release(page, finished):
    rows = kept(finished)
    assert f"release of {len(finished.keys)} tiles" in page.text
    counts = rows.groupby(["country", "split"]).size()
    for country in sorted(set(rows["country"])):
        expected = [
            counts.get((country, s), 0) for s in ("train", "validation", "test")
        ]
        total = sum(expected)
        assert f"{country} {' '.join(map(str, expected))} {total}" in page.text
    labels = rows["labels"].explode().value_counts()
    for label, count in labels.items():
        assert f"{label} {count} {count / len(rows) * 100:.1f} %" in page.text


def test_every_label_of_the_release_is_in_the_gallery(finished):
    rows = kept(finished).assign(tile=lambda t: t["patch_id"].str[:-6])
    chosen = choose_patches(rows)
    assert len(chosen) == PATCHES
    assert set(chosen["labels"].explode()) == set(rows["labels"].explode())
    assert set(chosen["tile"]) == set(rows["tile"])
    shuffled = rows.sample(frac=1, random_state=1)
    assert list(choose_patches(shuffled)["patch_id"]) == list(chosen["patch_id"])


def test_a_small_release_shows_all_its_patches(finished):
    rows = kept(finished).assign(tile="only")[:5]
    assert len(choose_patches(rows)) == 5
    assert len(choose_patches(rows[:0])) == 0


def test_digests_and_provenance_are_shown(page, finished):
    folder = finished.data / "release_archives"
    sums = [
        word
        for name in ("SHA256SUMS", "SHA256SUMS.tar")
        for word in (folder / name).read_text().split()
    ]
    assert all(word in page.text for word in sums)
    assert "7043fc75bfa64b0951a727debf2cdba0" in page.text, "published MD5 of S1.tar"
    assert "not comparable with the published digests" in page.text
    assert "duckdb 1.0.0" in page.text
    assert "U2018_CLC2018_V2020_20u1.gpkg" in page.text
    assert "another file than pinned" in page.text
    assert "Other inputs than BigEarthNet's" in page.text
    assert "own tile, not aligned with v1" in page.text


def test_the_same_release_gives_the_same_page(page_path, finished):
    first = page_path.read_bytes()
    make_release_report(finished.ctx())
    assert page_path.read_bytes() == first


def test_no_release_no_report(pipeline):
    pipeline.make_tile(pipeline.keys[0])
    with pytest.raises(MissingInput, match="materialize release_archives"):
        make_release_report(pipeline.ctx())


def test_archives_of_another_set_of_tiles_are_refused(finished):
    remove_tile(finished.storage, "aligned_dataset", finished.keys[0])
    with pytest.raises(InvalidInput, match=r"3 tiles there, 2 here.*release_archives"):
        make_release_report(finished.ctx())


def test_a_patch_that_went_missing_is_named(finished):
    for path in finished.data.glob("aligned_dataset/Reference_Maps/*/*/*.tif"):
        path.unlink()
    with pytest.raises(UnexpectedRaster, match="materialize aligned_dataset"):
        make_release_report(finished.ctx())


def facts(**changes) -> ReleaseFacts:
    tile = TileFacts(
        key="T33UUP_20170613T101031",
        tile_id="S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP",
        mgrs="33UUP",
        day="2017-06-13",
        geocoding=TileGeocoding(32633, 300_000, 5_400_000, 109_800),
        alignment="v1",
        cells=8281,
        patches=4000,
        bytes=10**9,
        sha256="0" * 64,
    )
    made = ReleaseFacts(
        recipe="bigearthnet-v2",
        recipe_sha256="0" * 64,
        value_scale="bigearthnet",
        baselines=["99.99"],
        land_cover="CORINE 2018",
        tiles=[tile],
        files=[],
        countries=[],
        splits=("train", "validation", "test"),
        labels=[],
        unclear=0,
        gallery=[],
        tile_map="<svg></svg>",
        map_caption="the ten countries",
        processor="sen2cor",
        processor_versions=["2.11.0"],
        versions={},
        inputs=[],
        is_published_scope=True,
        published_tiles=125,
    )
    return replace(made, **changes)


def test_a_release_of_the_published_tiles_is_held_against_the_published_digests():
    equal = FileFacts("a.tar", 1, 1, "m", "s", "m")
    other = FileFacts("b.parquet", 1, None, "m", "s", "another")
    alone = FileFacts("c.parquet", 1, None, "m", "s", None)
    text = Page(render_page(facts(files=[equal, other, alone]))).text
    assert "Not comparable" not in text
    assert "a.tar m s m equals the published file" in text
    assert "b.parquet m s another differs" in text
    assert "c.parquet m s not published nothing to compare with" in text


def test_another_processor_is_not_passed_off_as_sen2cor():
    text = Page(render_page(facts(processor="dark-object"))).text
    assert "Not for science" in text
    assert "Not for science" not in Page(render_page(facts())).text
    of_esa = Page(render_page(facts(processor="ESA"))).text
    assert "reflectance was made by ESA , not by sen2cor" in of_esa
    assert "Not for science" not in of_esa


def test_a_data_set_of_ones_own_is_not_called_bigearthnet():
    own = facts(recipe="berlin-2025", land_cover="WorldCover 2021")
    text = Page(render_page(own)).text
    assert "BigEarthNet v2" not in text
    assert "berlin-2025: release of 1 tile" in text
    assert "CORINE" not in text.replace(own.map_caption, "")
    assert "land cover maps (WorldCover 2021)" in text


def test_names_are_escaped():
    tile = replace(facts().tiles[0], tile_id="<script>alert(1)</script>")
    assert "<script>" not in render_page(facts(tiles=[tile]))


def test_a_release_without_kept_patches_has_a_page():
    assert "No patch of these tiles was kept" in render_page(facts())


def test_nothing_of_the_template_is_left_on_the_page():
    text = render_page(facts())
    assert "{{" not in text
    assert "{%" not in text
    assert f"each of the {len(facts().labels)} labels" in text
