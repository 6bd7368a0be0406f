"""Every reference in code, tests and documents leads to something that exists."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from ben_assets.testing.processes import NOT_INHERITED

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("ben_assets", "ben_assets_tests", "resources", "benchmarks", "deploy")
SUFFIXES = {".py", ".sql", ".toml", ".yaml", ".yml", ".sh", ".md", ".html", ".css"}
DOCUMENTS = [
    *ROOT.glob("*.md"),
    *(path for name in ("docs", "deploy") for path in (ROOT / name).rglob("*.md")),
]
TEXTS = [
    *DOCUMENTS,
    *(ROOT / name for name in ("Makefile", ".env.example", "pyproject.toml")),
    *(
        path
        for directory in SOURCES
        for path in (ROOT / directory).rglob("*")
        if path.suffix in SUFFIXES
    ),
]
REFERENCE = re.compile(r"\bdocs/[\w-]+\.md(?:#[\w-]+)?")
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
ELSEWHERE = re.compile(r"\b(?:FAULTS|CONTRACT)\b|\b(?:RULES|SOURCES)\.md\b|\(RULES\b")
SETTING = re.compile(r"`([A-Z0-9]+_[A-Z0-9_]+)`")
UNCOMMENTED = re.compile(r"#([A-Z0-9]+_[A-Z0-9_]+)=")


def slug(heading: str) -> str:
    """The anchor that GitHub gives to a heading.

    Links count by their text; only word characters, hyphens and blanks remain.
    """
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


@cache
def anchors(path: Path) -> frozenset[str]:
    """All anchors of a Markdown file; a repeated one gets a number."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in HEADING.findall(FENCE.sub("", path.read_text())):
        plain = slug(heading)
        found.add(f"{plain}-{seen[plain]}" if seen[plain] else plain)
        seen[plain] += 1
    return frozenset(found)


def dangling(origin: Path, target: str, base: Path) -> Iterator[str]:
    """One message if a target, relative to a directory, does not exist."""
    name, _, anchor = target.partition("#")
    path = (base / name).resolve() if name else origin
    where = origin.relative_to(ROOT) if origin.is_relative_to(ROOT) else origin
    if not path.exists():
        yield f"{where}: no file {target}"
    elif anchor and anchor not in anchors(path):
        yield f"{where}: no heading {target}"


def relative_links(path: Path) -> list[str]:
    """The targets of all links of a Markdown file that are not URLs."""
    targets = LINK.findall(FENCE.sub("", path.read_text()))
    return [one for one in targets if not re.match(r"[a-z]+:", one)]


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("GeoTIFF bytes", "geotiff-bytes"),
        (
            "Where upstream is undefined or wrong",
            "where-upstream-is-undefined-or-wrong",
        ),
        ("`ben verify`: what, and why", "ben-verify-what-and-why"),
    ],
)
def test_a_heading_has_the_anchor_that_github_gives_it(heading, expected):
    assert slug(heading) == expected


def test_a_missing_file_or_heading_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One\n\n## Two\n\n## Two\n\n```sh\n# none\n```\n")
    targets = ("#one", "page.md#two-1", "page.md#none", "#two-2", "other.md")
    found = [text for one in targets for text in dangling(page, one, tmp_path)]
    assert found == [
        f"{page}: no heading page.md#none",
        f"{page}: no heading #two-2",
        f"{page}: no file other.md",
    ]


def test_references_to_documents_lead_to_a_heading_that_exists():
    found = [
        (path, reference)
        for path in TEXTS
        for reference in REFERENCE.findall(path.read_text())
    ]
    assert len([one for _, one in found if one.startswith("docs/rules.md#")]) > 10
    assert [text for one, to in found for text in dangling(one, to, ROOT)] == []


def test_links_between_documents_lead_to_a_heading_that_exists():
    found = [(path, to) for path in DOCUMENTS for to in relative_links(path)]
    assert len(found) > 20
    assert [text for one, to in found for text in dangling(one, to, one.parent)] == []


@pytest.mark.parametrize(
    "text",
    ['(RULES, "Labels")', "(RULES: overlay)", "FAULTS row 4", "(CONTRACT)", "RULES.md"],
)
def test_a_citation_of_a_document_outside_is_found(text):
    assert ELSEWHERE.search(text)


def test_no_document_outside_the_repository_is_cited():
    cited = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in TEXTS
        if path != Path(__file__)
        for match in ELSEWHERE.finditer(path.read_text())
    ]
    assert cited == []


def test_the_example_lists_the_settings_of_the_contract_and_sets_none():
    contract = (ROOT / "docs/contract.md").read_text()
    section = contract.partition("\n## Settings\n")[2].partition("\n### Recipes")[0]
    rows = [row.split("|")[1] for row in section.splitlines() if row.startswith("|")]
    lines = (ROOT / ".env.example").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []
    named = [match[1] for line in lines if (match := UNCOMMENTED.match(line))]
    assert len(named) == len(set(named)) > 0
    assert set(named) == {one for row in rows for one in SETTING.findall(row)}
    assert [one for one in named if not one.startswith(NOT_INHERITED)] == []
