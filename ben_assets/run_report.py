"""How a run in this process is shown to people: its progress, and what it made."""

from __future__ import annotations

import functools
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, Literal

import dagster as dg
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ben_assets.bigearthnet.outside_text import escaped
from ben_assets.runs import Check, FinishedRun, sentence_of, warnings_and_failures

_NUMBERS: Final = ("files", "size", "seconds")
_LONGEST: Final = 160
"""Characters of a check's line."""
_NOT_EXECUTED: Final = "Dependencies for step "
"""How Dagster begins its word on each step after one that failed."""
_WIDTH_OF_FILES: Final = 110


def wide_console() -> Console:
    """On standard output; in a file, wide enough for the table."""
    return Console(width=None if sys.stdout.isatty() else _WIDTH_OF_FILES)


def progress_on(console: Console) -> Callable[[dg.EventLogEntry], None]:
    """Prints the log of a run: each artifact begun, its messages, what became of it."""

    def tell(entry: dg.EventLogEntry) -> None:
        for line in _lines(entry):
            console.print(line, soft_wrap=True, highlight=False)

    return tell


def _lines(entry: dg.EventLogEntry) -> list[str]:
    event = entry.dagster_event
    if event is None and entry.user_message.startswith(_NOT_EXECUTED):
        return []  # the step that failed has said why
    if event is None:
        return [f"    {escape(escaped(entry.user_message))}"]
    kind = event.event_type_value
    if kind == "STEP_START" and event.step_key not in _steps_of_checks():
        return [f"  [bold]{event.step_key}[/]"]
    if kind == "ASSET_CHECK_EVALUATION":
        check = Check.of(event.asset_check_evaluation_data)
        colour = "yellow" if check.is_warning else "red"
        told = warnings_and_failures([check])
        return [f"    [{colour}]{escape(_cut(line))}[/]" for line in told]
    if event.is_step_failure:
        return [f"  [red]FAILED {event.step_key}: {escape(sentence_of(event))}[/]"]
    return []


@functools.cache
def _steps_of_checks() -> frozenset[str]:
    """Steps that are told by what they say, and only where they say something."""
    from ben_assets.assets import RULE_CHECKS  # reads the settings: not at import

    return frozenset(f"{check.asset_name}_{check.name}" for check in RULE_CHECKS)


def table_of(runs: Sequence[FinishedRun]) -> Table:
    """One row for each artifact made: files, size, seconds and checks."""
    table = Table(title="What was made", title_justify="left")
    for column in ("tile", "artifact", "files", "size", "seconds", "checks"):
        side: Literal["right", "left"] = "right" if column in _NUMBERS else "left"
        table.add_column(column, justify=side, no_wrap=column == "tile")
    for run in runs:
        for asset, made in run.made.items():
            table.add_row(
                run.partition or "all",
                f"{asset} from {made['source']}" if "source" in made else asset,
                _count(made.get("files")),
                _size(made.get("bytes")),
                f"{made.get('seconds', '')}",
                _summary([check for check in run.checks if check.asset == asset]),
            )
    return table


def print_notable(console: Console, runs: Sequence[FinishedRun]) -> None:
    """Warnings and failures of checks, equal ones of several tiles in one line."""
    lines = Counter(line for run in runs for line in warnings_and_failures(run.checks))
    for line, count in lines.items():
        told = f"{_cut(line)} ({count} tiles)" if count > 1 else _cut(line)
        colour = "yellow" if told.startswith("warning") else "red"
        console.print(told, style=colour, markup=False, highlight=False)
    untracked = sum(check.is_untracked for run in runs for check in run.checks)
    if untracked:
        console.print(
            f"no tracked hash of {untracked} artifacts, as of any new tile (ben track "
            "records them)",
            highlight=False,
        )


def _cut(line: str) -> str:
    """The UI and ``ben verify`` have all of it."""
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ..."


def _count(files: object) -> str:
    """A number of files; the inputs have a table of them there."""
    return str(files) if isinstance(files, int) else ""


def _size(n_bytes: object) -> str:
    return f"{n_bytes / 1e6:.2f} MB" if isinstance(n_bytes, int) else ""


def _summary(checks: Sequence[Check]) -> str:
    counts = {
        "passed": sum(c.passed and not c.is_warning for c in checks),
        "not tracked": sum(c.is_untracked for c in checks),
        "warned": sum(c.is_warning and not c.is_untracked for c in checks),
        "FAILED": sum(not c.passed and not c.is_warning for c in checks),
    }
    return ", ".join(f"{n} {what}" for what, n in counts.items() if n)
