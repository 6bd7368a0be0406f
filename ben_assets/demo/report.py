"""The closing table of the demo: what was made, and what the checks said."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from ben_assets.demo.runs import Check, FinishedRun

_NEXT = """Next:
  make demo-ui                 look at these results in the Dagster UI
  .demo/data/release_report/report.html   the release on one page
  . .demo/settings.sh          for this shell; then: .venv/bin/ben tiles
  cp .env.example .env         set up a real run (see README.md)"""


def print_report(runs: Sequence[FinishedRun], seconds: float) -> None:
    """Print one row for each artifact made, then warnings and what to do next."""
    console = Console()
    table = Table(title="What was made", title_justify="left")
    for column in ("tile", "artifact", "files", "size", "seconds", "checks"):
        table.add_column(column, justify="right" if column in _NUMBERS else "left")
    for run in runs:
        for asset, made in run.made.items():
            table.add_row(
                _short(run.partition),
                f"{asset} from {made['source']}" if "source" in made else asset,
                f"{made.get('files', '')}",
                _size(made.get("bytes")),
                f"{made.get('seconds', '')}",
                _summary([check for check in run.checks if check.asset == asset]),
            )
    console.print(table)
    _print_notable(console, runs)
    fine = all(run.is_fine for run in runs)
    console.print(
        f"{'All steps ran and no check failed' if fine else 'FAILED: see above'}; "
        f"{seconds:.0f} s. Results: .demo/data",
        style="green" if fine else "red",
    )
    console.print(_NEXT, highlight=False)


_NUMBERS = ("files", "size", "seconds")


def _print_notable(console: Console, runs: Sequence[FinishedRun]) -> None:
    """Warnings and failures, equal ones of several tiles in one line."""
    lines: dict[str, int] = {}
    for run in runs:
        for check in run.checks:
            if check.is_warning or not check.passed:
                kind = "warning" if check.is_warning else "FAILED"
                line = f"{kind}: {check.asset}: {check.name}: {check.outcome}"
                lines[line] = lines.get(line, 0) + 1
    for line, count in lines.items():
        console.print(f"{line} ({count} tiles)" if count > 1 else line, highlight=False)


def _short(partition: str | None) -> str:
    return partition or "all"


def _size(n_bytes: object) -> str:
    return f"{n_bytes / 1e6:.2f} MB" if isinstance(n_bytes, int) else ""


def _summary(checks: Sequence[Check]) -> str:
    counts = {
        "passed": sum(c.passed and not c.is_warning for c in checks),
        "warned": sum(c.is_warning for c in checks),
        "FAILED": sum(not c.passed and not c.is_warning for c in checks),
    }
    return ", ".join(f"{n} {what}" for what, n in counts.items() if n)
