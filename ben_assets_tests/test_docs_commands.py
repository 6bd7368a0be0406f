"""Each command that a page shows is run by a test, or its page says that it is not.

A mark stands in the page, before the block that it is of::

    <!-- not run by a test: curl, docker: why -->
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Final

import pytest

from ben_assets_tests.test_docs_truth import ASSIGNMENT, ROOT

PAGES: Final = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK: Final = re.compile(
    r"(?:^ *<!-- not run by a test: (?P<marked>[^:\n]+): (?P<why>[^\n]+) -->\n\s*)?"
    r"^(?P<indent> *)```(?P<language>\w+)\n(?P<body>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
COMMENT: Final = re.compile(r"(?:^|\s)#.*")
SHELL: Final = frozenset(
    [
        "cd",
        "cp",
        "mkdir",
        "printf",
        "echo",
        "export",
        "for",
        "while",
        "do",
        "done",
        "read",
        ".",
    ]
)
"""What a shell does by itself."""
WORDS: Final = {"make": 2, "ben": 2, "dg": 2, "dagster": 3}
"""Words that name a command of a program; of others, the program does."""
GROUPS: Final = frozenset({"tiles find", "publish", "recipe", "reference", "inputs"})
TESTS: Final = {
    "ben doctor": "cli/test_ben.py test_doctor_says_what_a_real_run_lacks",
    "ben inputs export": "resources/inputs/test_exported.py test_one_machine_exports",
    "ben inputs verify": "resources/inputs/test_exported.py test_one_machine_exports",
    "ben preflight": "assets/test_l1c.py test_preflight_is_a_job_and_a_command",
    "ben publish huggingface": "training/test_publishing.py test_a_killed_upload",
    "ben publish zenodo": "training/test_publishing.py test_a_killed_upload",
    "ben recipe check": "cli/test_recipe.py test_check_names_the_digest",
    "ben recipe show": "cli/test_recipe.py test_show_takes_the_recipe",
    "ben reference fetch": "cli/test_own_release.py test_ten_commands_lead",
    "ben run": "cli/test_run.py test_a_tile_is_made",
    "ben sample": "cli/test_sample.py test_the_command_writes_a_picture",
    "ben subset": "training/test_release.py test_a_subset_is_what_its_condition_says",
    "ben tiles": "cli/test_ben.py test_tiles_as_text_and_as_json",
    "ben tiles find": "cli/test_own_release.py test_ten_commands_lead",
    "ben verify": "cli/test_ben.py test_verify_names_what_differs",
    "ben verify-release": "training/test_release.py test_the_lines_of_the_page",
    "dagster api grpc": "test_cluster.py test_two_workers_give_the_bytes",
    "dagster asset materialize": "cli/test_own_release.py test_ten_commands_lead",
    "dagster instance concurrency": "postgis/test_dagster_on_postgres.py "
    "test_a_backfill_of_two_tiles",
    "dagster instance migrate": "test_cluster.py test_two_workers_give_the_bytes",
    "dagster job backfill": "postgis/test_dagster_on_postgres.py "
    "test_a_backfill_of_two_tiles",
    "dagster job execute": "assets/test_checks.py test_all_of_a_tile_is_evaluated",
    "dagster-celery": "test_cluster.py test_two_workers_give_the_bytes",
    "dagster-daemon": "test_cluster.py test_two_workers_give_the_bytes",
    "dagster-webserver": "test_cluster.py test_two_workers_give_the_bytes",
    "dg launch": "assets/test_checks.py test_a_tile_of_which_nothing_is_on_disk",
    "make cluster-setup": "../.ci/run make cluster-setup",
    "make demo": "../.ci/run make demo",
    "make postgis": "postgis/test_server.py test_a_server_keeps_address_and_data",
    "make setup": "../.ci/run make demo",
    "postgis.md sql": "postgis/test_publication.py test_the_queries_of_the_page_run",
    "psql": "postgis/test_index.py test_the_three_queries_of_the_page",
    "quick-start.md python": "bigearthnet/test_reading.py test_the_lines_of_the_page",
    "sha256sum": "training/test_release.py test_the_lines_of_the_page",
    "tar": "training/test_release.py test_the_lines_of_the_page",
    "training.md python": "postgis/test_index.py test_the_three_queries_of_the_page",
    "training.md sql": "postgis/test_index.py test_the_three_queries_of_the_page",
}
"""Command to what runs it: a file, and words of it, which begin a test's name."""


def blocks(page: str, text: str) -> Iterator[tuple[set[str], set[str]]]:
    """Commands of each block of a page, and those that a mark says are not run."""
    for block in BLOCK.finditer(text):
        shown = set()
        if block["language"] == "sh":
            shown = set(commands(block["body"]))
        elif block["language"] in ("python", "sql"):
            shown = {f"{page} {block['language']}"}
        yield shown, set((block["marked"] or "").split(", ")) - {""}


def unaccounted(page: str, text: str) -> list[str]:
    """What is neither run nor marked, and marks of what the block does not show."""
    return [
        f"{page}: {word}"
        for shown, marked in blocks(page, text)
        for word in sorted((shown - TESTS.keys() - marked) | (marked - shown))
    ]


def commands(body: str) -> Iterator[str]:
    """Each command of a shell block, by its program and subcommand."""
    lines = body.replace("\\\n", " ").splitlines()
    plain = "\n".join(COMMENT.sub("", line) for line in lines)
    lexer = shlex.shlex(plain, posix=True, punctuation_chars="\n;&|")
    lexer.whitespace, lexer.whitespace_split = " \t", True
    words: list[str] = []
    for word in [*lexer, "\n"]:
        if set(word) <= set("\n;&|"):
            yield from _named(words)
            words = []
        else:
            words.append(word)


def _named(words: list[str]) -> Iterator[str]:
    while words and (ASSIGNMENT.match(words[0]) or words[0] == "do"):
        words = words[1:]
    program = words[0].removeprefix(".venv/bin/") if words else ""
    if program in SHELL | {"", "."}:
        return
    most = WORDS.get(program, 1)
    if program == "ben" and {words[1], " ".join(words[1:3])} & GROUPS:
        most = 3
    yield " ".join([program, *words[1:most]])


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("```sh\nBEN_FORCE=1 .venv/bin/ben run T && curl x # y\n```\n", ["p: curl"]),
        ("<!-- not run by a test: curl: no net -->\n```sh\ncurl x\n```\n", []),
        ("<!-- not run by a test: wget: no -->\n\n```sh\ncd x\n```\n", ["p: wget"]),
        ("  ```sh\n  ben \\\n  nothing\n  ```\n", ["p: ben nothing"]),
        ("```sql\nSELECT 1\n```\n", ["p: p sql"]),
    ],
    ids=["neither", "marked", "needless mark", "continued", "query"],
)
def test_a_command_without_test_and_mark_is_found(page, expected):
    assert unaccounted("p", page) == expected


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_command_of_a_page_is_run_or_marked(path):
    assert unaccounted(path.name, path.read_text()) == []


@pytest.mark.parametrize("command", TESTS)
def test_what_is_said_to_run_a_command_is_there(command):
    name, words = TESTS[command].split(" ", 1)
    text = (ROOT / "ben_assets_tests" / name).read_text()
    assert re.search(rf"^(?:def )?{words}", text, re.MULTILINE)
