"""The closing words of the demo: what was made, what the checks said, and what next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console

from ben_assets.run_report import print_notable, table_of
from ben_assets.runs import FinishedRun

_NEXT: Final = """Next:
  make demo-ui                 look at these results in the Dagster UI
  make demo-ui OWN=1           the same for the data set of your own
  .demo/data/release_report/report.html   the release on one page; below .demo/own, too
  . .demo/settings.sh          for this shell; then: .venv/bin/ben tiles
  . .demo/own/settings.sh      for the data set of your own
  cp .env.example .env         set up a real run (see README.md)"""


def print_made(console: Console, runs: Sequence[FinishedRun]) -> None:
    """Print one row for each artifact made, then warnings and failures."""
    console.print(table_of(runs))
    print_notable(console, runs)


def print_close(console: Console, seconds: float, *, is_fine: bool) -> None:
    """Print the last words: how it went and what to do next."""
    console.print(
        f"{'All steps ran and no check failed' if is_fine else 'FAILED: see above'}; "
        f"{seconds:.0f} s. Results: .demo/data and .demo/own/data",
        style="green" if is_fine else "red",
    )
    console.print(_NEXT, highlight=False)
