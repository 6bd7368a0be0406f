"""What the documents say is what the code has: commands, checks, messages, pages."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
import typer.main
import yaml

from ben_assets.assets import RULE_CHECKS, STAGES
from ben_assets.bigearthnet.errors import FailureClass
from ben_assets.cli import app
from ben_assets.jobs import JOBS
from ben_assets.synthetic.tiles import GOLDEN_TILES
from ben_assets_tests.test_docs import DOCUMENTS, ROOT
from resources.data_root.flow import RELEASE_ASSETS, TILE_ASSETS

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
TARGET = re.compile(r"^([a-z0-9-]+):", re.MULTILINE)
BETWEEN_COMMANDS = re.compile(r"&&|\|\||[;|]")
ASSIGNMENT = re.compile(r"[A-Z_]+=")
TILE_KEY = re.compile(r"\bT\d{2}[A-Z]{3}_\d{8}T\d{6}\b")
PROGRAMS = ("make", "ben", "dagster", "dg", "python")
JOB_NAMES = {job.name for job in JOBS}
ASSET_NAMES = {asset.key.path[-1] for assets in STAGES.values() for asset in assets}
MAKE_TARGETS = set(TARGET.findall((ROOT / "Makefile").read_text()))
EXAMPLE_TILE = "T31UGQ_20180416T105029"


def shell_blocks(text: str) -> list[str]:
    return [body for _, language, body in FENCE.findall(text) if language == "sh"]


def commands(text: str) -> Iterator[list[str]]:
    """Words of the commands of a page that call one of our programs."""
    lines = [
        line
        for block in shell_blocks(text)
        for line in block.replace("\\\n", " ").splitlines()
    ]
    plain = FENCE.sub("", text)
    spans = [span for span in SPAN.findall(plain) if span.split()[0] != span]
    for line in (*lines, *spans):
        for part in BETWEEN_COMMANDS.split(_without_comment(line)):
            words = _words(part)
            if words and words[0] in PROGRAMS:
                yield words


def _without_comment(line: str) -> str:
    return re.sub(r"(^|\s)#.*", "", line)


def _words(part: str) -> list[str]:
    try:
        words = shlex.split(part.strip().strip("()"))
    except ValueError:  # a separator within quotes: no command of ours has one
        return []
    while words and (ASSIGNMENT.match(words[0]) or words[0] in ("export", "do")):
        words = words[1:]
    return [words[0].removeprefix(".venv/bin/"), *words[1:]] if words else []


def problems(words: list[str]) -> Iterator[str]:
    """What a command names that does not exist."""
    program, *arguments = words
    if program == "make":
        names = [word for word in arguments if re.fullmatch(r"[a-z][a-z0-9-]*", word)]
        yield from (f"no target {name}" for name in names if name not in MAKE_TARGETS)
    elif program == "ben":
        yield from _ben_problems(arguments)
    elif program == "python":
        yield from _module_problems(arguments)
    else:
        yield from _dagster_problems(arguments)


def _ben_problems(arguments: list[str]) -> Iterator[str]:
    command = typer.main.get_command(app)
    rest = list(arguments)
    while rest and hasattr(command, "commands"):
        name = rest.pop(0)
        if name.startswith("-"):
            break
        if name not in command.commands:
            yield f"no command ben {name}"
            return
        command = command.commands[name]
    options = {option for one in command.params for option in one.opts} | {"--help"}
    named = {word.partition("=")[0] for word in arguments if word.startswith("--")}
    yield from (f"no option {option}" for option in sorted(named - options))


def _module_problems(arguments: list[str]) -> Iterator[str]:
    for option, value in pairwise(arguments):
        if option == "-m" and importlib.util.find_spec(value) is None:
            yield f"no module {value}"


def _dagster_problems(arguments: list[str]) -> Iterator[str]:
    yield from _module_problems(arguments)
    for option, value in pairwise(arguments):
        if option in ("-j", "--job") and value not in JOB_NAMES:
            yield f"no job {value}"
        if option in ("--select", "--assets") and value != "SELECTION":
            absent = set(value.split(",")) - ASSET_NAMES
            yield from (f"no asset {name}" for name in sorted(absent))


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("make demos PORT=3000", ["no target demos"]),
        (".venv/bin/ben verfy --all", ["no command ben verfy"]),
        ("ben verify --deeep", ["no option --deeep"]),
        ("dagster job execute -m ben_assets.nothing -j tiles", None),
        ("dg launch --assets patches,maps --partition X", ["no asset maps"]),
        ("BEN_FORCE=1 python -m benchmarks.nothing", ["no module benchmarks.nothing"]),
    ],
)
def test_a_command_that_does_not_exist_is_found(command, expected):
    expected = expected or ["no module ben_assets.nothing", "no job tiles"]
    (words,) = commands(f"```sh\n{command}   # comment\n```\n")
    assert list(problems(words)) == expected


def test_every_command_of_the_documents_exists():
    found = [
        (path, words) for path in DOCUMENTS for words in commands(path.read_text())
    ]
    assert len(found) > 100
    assert [
        f"{path.relative_to(ROOT)}: {shlex.join(words)}: {problem}"
        for path, words in found
        for problem in problems(words)
    ] == []


def test_every_shell_block_of_the_documents_parses():
    blocks = [block for path in DOCUMENTS for block in shell_blocks(path.read_text())]
    assert len(blocks) > 20
    for block in blocks:
        checked = subprocess.run(
            ["bash", "-n"], input=block, text=True, capture_output=True, check=False
        )
        assert checked.returncode == 0, f"{checked.stderr}\n{block}"


def test_every_tile_key_of_the_documents_is_of_a_tile():
    known = (ROOT / "tracked-artifacts/tiles.csv").read_text() + EXAMPLE_TILE
    known += " ".join(tile.key for tile in GOLDEN_TILES)
    named = {key for path in DOCUMENTS for key in TILE_KEY.findall(path.read_text())}
    assert "T33UUP_20170613T101031" in named
    assert {key for key in named if key not in known} == set()


def table_rows(path: Path, first_cell: str) -> list[list[str]]:
    """Cells of the rows of those tables whose header begins with a cell."""
    rows, is_inside = [], False
    for line in path.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("|"):
            is_inside = False
        elif cells[0] == first_cell:
            is_inside = True
        elif is_inside and not line.startswith("|---"):
            rows.append(cells)
    return rows


def test_the_page_of_checks_lists_all_checks_and_no_other():
    rows = table_rows(ROOT / "docs/checks.md", "asset")
    listed = {name for row in rows for name in SPAN.findall(row[1])}
    assert listed == {check.name for check in RULE_CHECKS}


def test_the_page_of_checks_names_what_has_no_tracked_hash():
    name = "matches_tracked_hash"
    rows = table_rows(ROOT / "docs/checks.md", "asset")
    (but,) = [row[0] for row in rows if f"`{name}`" in row[1]]
    has_one = {check.asset_name for check in RULE_CHECKS if check.name == name}
    without = {*TILE_ASSETS, *RELEASE_ASSETS} - has_one
    assert without == {*SPAN.findall(but), "release_report"}


def section(title: str) -> str:
    """The contract's text below a heading, up to the next one."""
    text = (ROOT / "docs/contract.md").read_text().partition(f"# {title}\n")[2]
    return re.split("^#", text, maxsplit=1, flags=re.MULTILINE)[0]


def test_the_contract_lists_all_jobs():
    (listed,) = re.findall(r"Jobs: (.*?)\.\n", section("Code location"), re.DOTALL)
    without_remarks = re.sub(r"\(.*?\)", "", listed, flags=re.DOTALL)
    assert set(SPAN.findall(without_remarks)) == JOB_NAMES


@pytest.mark.parametrize(
    ("title", "assets"),
    [("One partition per tile", TILE_ASSETS), ("All tiles together", RELEASE_ASSETS)],
)
def test_the_contract_lists_all_assets_with_files_in_flow_order(title, assets):
    listed = re.findall(r"^\| `(\w+)`", section(title), re.MULTILINE)
    assert listed == [name for name in assets if name != "release_report"]


def test_all_failure_classes_are_listed_with_who_acts():
    classes = sorted(FailureClass)
    sentence, _, _ = section("Failure classes").partition(". It stands")
    assert sorted(SPAN.findall(sentence)) == classes
    rows = table_rows(ROOT / "docs/troubleshooting.md", "class")
    assert sorted(name for row in rows for name in SPAN.findall(row[0])) == classes


def commands_with(option: str, command, path: str) -> Iterator[str]:
    """The commands below one that have an option."""
    if any(option in one.opts for one in command.params):
        yield path
    for name, below in getattr(command, "commands", {}).items():
        yield from commands_with(option, below, f"{path} {name}".strip())


def test_the_contract_lists_all_commands_that_print_json():
    pattern = re.compile(r"else `tile`\.(.*?)print JSON", re.DOTALL)
    (listed,) = pattern.findall(section("Code location"))
    found = commands_with("--json", typer.main.get_command(app), "")
    assert set(SPAN.findall(listed)) - {"--dry-run"} == set(found)


@cache
def texts_of_code() -> tuple[str, ...]:
    """Every text of the sources, with a null character for each inserted value."""
    return tuple(
        text
        for name in ("ben_assets", "resources")
        for path in sorted((ROOT / name).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if (text := _text_of(node))
    )


def _text_of(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [
            one.value if isinstance(one, ast.Constant) else "\0" for one in node.values
        ]
        return "".join(parts)
    return ""


def is_a_message(quoted: str) -> bool:
    """Whether the code has a text with these words; ``...`` stands for any value."""
    words = [re.escape(part.strip()) for part in quoted.split("...")]
    pattern = re.compile("[^\n]*".join(words))
    return any(pattern.search(text) for text in texts_of_code())


def test_a_message_that_nothing_says_is_found():
    assert is_a_message("expected the record ...")
    assert not is_a_message("the moon is full")


@pytest.mark.parametrize("page", ["troubleshooting.md", "cdse.md"])
def test_every_quoted_message_is_one_of_the_code(page):
    rows = table_rows(ROOT / "docs" / page, "message contains")
    quoted = [message for row in rows for message in SPAN.findall(row[0])]
    assert len(quoted) > 10
    assert [message for message in quoted if not is_a_message(message)] == []


def pages_of(entries: list) -> Iterator[str]:
    """The files of a navigation, however nested."""
    for entry in entries:
        values = entry.values() if isinstance(entry, dict) else [entry]
        for value in values:
            if isinstance(value, list):
                yield from pages_of(value)
            else:
                yield value


def test_the_site_has_every_page_once():
    # BaseLoader: the tag of a Python object stays a plain value
    site = yaml.load((ROOT / "mkdocs.yml").read_text(), yaml.BaseLoader)
    docs = ROOT / "docs"
    pages = sorted(path.relative_to(docs).as_posix() for path in docs.rglob("*.md"))
    assert sorted(pages_of(site["nav"])) == pages


def test_the_version_is_the_same_wherever_it_stands():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == version
    assert (
        re.findall(r"^## \[?([\d.]+)", (ROOT / "CHANGELOG.md").read_text(), re.M)[0]
        == version
    )
