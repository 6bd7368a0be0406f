"""The closing words of the demo: what was made, what the checks said, and what next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console

from ben_assets.run_report import print_notable, table_of
from ben_assets.runs import FinishedRun

_NEXT: Final = """Next:
  make demo-ui                 look at these results in the Dagster UI
  .demo/data/release_report/report.html   the release on one page
  . .demo/settings.sh          for this shell; then: .venv/bin/ben tiles
  cp .env.example .env         set up a real run (see README.md)"""


def print_report(console: Console, runs: Sequence[FinishedRun], seconds: float) -> None:
    """Print one row for each artifact made, then warnings and what to do next."""
    console.print(table_of(runs))
    print_notable(console, runs)
    fine = all(run.is_fine for run in runs)
    console.print(
        f"{'All steps ran and no check failed' if fine else 'FAILED: see above'}; "
        f"{seconds:.0f} s. Results: .demo/data",
        style="green" if fine else "red",
    )
    console.print(_NEXT, highlight=False)
