"""Report, pictures and docs as links of the UI find them."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import dagster as dg
import pytest

from ben_assets.definitions import build_definitions
from ben_assets.file_pages import FilePages
from resources.settings import FILES_URL


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[FilePages]:
    (tmp_path / "data" / "patches").mkdir(parents=True)
    (tmp_path / "data" / "patches" / "a.png").write_bytes(b"picture")
    (tmp_path / "data" / ".locks").mkdir()
    (tmp_path / "data" / ".locks" / "one").write_text("hidden")
    (tmp_path / "secret").write_text("outside")
    with FilePages(tmp_path / "data") as served:
        yield served


def ask(pages: FilePages, path: str, method: str = "GET") -> tuple[int, str, bytes]:
    """Status, type and body; the path goes out as it is."""
    connection = http.client.HTTPConnection(str(urlsplit(pages.url).netloc), timeout=20)
    connection.request(method, path)
    answer = connection.getresponse()
    found = answer.status, answer.headers.get_content_type(), answer.read()
    connection.close()
    return found


def test_files_listings_and_docs_are_served(pages):
    assert ask(pages, "/data/patches/a.png") == (200, "image/png", b"picture")
    assert b"a.png" in ask(pages, "/data/patches/")[2]
    status, kind, text = ask(pages, "/docs/checks.md")
    assert (status, kind) == (200, "text/plain")
    assert text.startswith(b"# ")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/other",
        "/data/../secret",
        "/data/%2e%2e/secret",
        "/data/.locks/one",
        "//secret",
        "/data/nothing",
    ],
)
def test_nothing_else_is_served(pages, path):
    assert ask(pages, path)[0] == 404


def test_nothing_can_be_written(pages):
    assert ask(pages, "/data/patches/a.png", "DELETE")[0] == 501
    assert ask(pages, "/data/patches/b.png", "PUT")[0] == 501


def links_of(asset: str) -> dict[str, str]:
    (spec,) = (
        spec
        for spec in build_definitions().resolve_all_asset_specs()
        if spec.key.to_user_string() == asset
    )
    return {
        title: str(link.value)
        for title, link in spec.metadata.items()
        if isinstance(link, dg.UrlMetadataValue | dg.PathMetadataValue)
    }


def test_an_asset_links_to_what_is_served(pages, monkeypatch):
    monkeypatch.setenv(FILES_URL, pages.url)
    links = links_of("patches")
    for title in ("its files and pictures", "what its checks mean"):
        status, _, _ = ask(pages, urlsplit(links[title]).path)
        assert status == 200, title
    assert links["report on the release"].endswith("/data/release_report/report.html")


def test_an_asset_names_paths_where_nothing_is_served(monkeypatch, tmp_path):
    monkeypatch.setenv("BEN_DATA_DIR", str(tmp_path))
    links = links_of("patches")
    assert links["its files and pictures"] == f"{tmp_path}/patches"
    assert Path(links["what its checks mean"]).is_file()
