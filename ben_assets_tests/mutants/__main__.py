"""``make mutants``: put each fault of the table into a copy and run its nearest tests.

The working tree is never written to. A fault that no test notices survives, which is a
failure, as is a row whose text is no longer there just once. The copy lies where no
folder ``shared`` is beside it: what a test proves here it proves in any clone.
"""

from __future__ import annotations

import argparse
import importlib.util
import queue
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from typing import Final

from ben_assets.testing.processes import without_settings
from ben_assets_tests.mutants.table import MUTANTS, Mutant

ROOT: Final = Path(__file__).resolve().parents[2]
_LIMIT_SECONDS: Final = 240
_PYTEST: Final = (
    "-m",
    "pytest",
    "-q",
    "-x",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
)


class Outcome(StrEnum):
    """What became of a fault."""

    KILLED = "killed"
    TIMED_OUT = "killed by the time limit"
    SURVIVED = "SURVIVED"
    BROKEN = "NO TEST RAN"

    @property
    def is_killed(self) -> bool:
        """Whether a test noticed it."""
        return self in (Outcome.KILLED, Outcome.TIMED_OUT)


class Tree:
    """A copy of the tracked files that faults are put into, one at a time."""

    def __init__(self, root: Path) -> None:
        """Copy what git tracks, and what it would: a new test counts at once."""
        self.root = root
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, root / name)

    def run_tests(
        self, tests: Iterable[str], limit_seconds: float | None = None
    ) -> tuple[Outcome, str]:
        """The outcome of some tests in this tree, and the end of what they said."""
        try:
            done = subprocess.run(
                [sys.executable, *_PYTEST, *tests],
                cwd=self.root,
                env=self._environment(),
                capture_output=True,
                text=True,
                timeout=limit_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Outcome.TIMED_OUT, ""
        outcomes = {0: Outcome.SURVIVED, 1: Outcome.KILLED}
        return outcomes.get(done.returncode, Outcome.BROKEN), done.stdout[-3000:]

    def try_mutant(self, mutant: Mutant) -> tuple[Outcome, str]:
        """Put a fault in, run its tests, and take it out again."""
        path = self.root / mutant.file
        text = path.read_text()
        try:
            self._write(path, text.replace(mutant.find, mutant.replacement))
            return self.run_tests(mutant.tests, _LIMIT_SECONDS)
        finally:
            self._write(path, text)

    def require_own_code(self) -> None:
        """See that tests here import the code of this tree and not the installed one.

        Raises:
            SystemExit: they do not: no fault would ever be noticed.
        """
        code = "import ben_assets, resources; print(ben_assets.__file__)"
        command = [sys.executable, "-c", code]
        found = subprocess.run(
            command,
            cwd=self.root,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        if not found.startswith(str(self.root)):
            sys.exit(f"expected code below {self.root}, found {found.strip()}")

    @staticmethod
    def _write(path: Path, text: str) -> None:
        """Bytecode is known by size and second: of two texts in one it may be stale."""
        path.write_text(text)
        Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in without_settings().items() if "PYTEST_" not in k}
        nowhere = str(self.root / "no-shared-folder")
        return {**kept, "PYTHONPATH": str(self.root), "BEN_SHARED": nowhere}


def outdated(mutants: Iterable[Mutant]) -> list[str]:
    """What is wrong with rows that no longer fit the code; empty if all do."""
    problems = []
    for mutant in mutants:
        path = ROOT / mutant.file
        count = path.read_text().count(mutant.find) if path.is_file() else 0
        if count != 1:
            problems.append(
                f"{mutant.name}: expected {mutant.find!r} once in {mutant.file}, "
                f"found it {count} times"
            )
        missing = [
            t for t in mutant.tests if not (ROOT / t.partition("::")[0]).exists()
        ]
        problems += [f"{mutant.name}: there is no test {name}" for name in missing]
    return problems


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each fault; 1 if one survived or a row is out of date."""
    options = _options(arguments)
    chosen = [m for m in MUTANTS if not options.only or options.only in m.name]
    problems = outdated(chosen)
    if problems or not chosen:
        print("the table of faults is out of date:", *problems, sep="\n  ")
        return 1
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        trees: queue.Queue[Tree] = queue.Queue()
        for number in range(options.jobs):
            trees.put(Tree(Path(folder) / str(number) / "tree"))
        alive = _run(chosen, trees, options.jobs)
    minutes = (time.monotonic() - started) / 60
    print(f"{len(chosen) - alive} of {len(chosen)} killed in {minutes:.1f} minutes")
    return 1 if alive else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="ben_assets_tests.mutants", description=__doc__
    )
    parser.add_argument("--only", default="", help="faults whose name has this text")
    parser.add_argument("--jobs", type=int, default=2, help="faults tried at a time")
    return parser.parse_args(arguments)


def _run(chosen: list[Mutant], trees: queue.Queue[Tree], jobs: int) -> int:
    """Try all; returns how many are not killed."""
    _require_green(chosen, trees)

    def attempt(mutant: Mutant) -> tuple[Mutant, Outcome, float]:
        started, tree = time.monotonic(), trees.get()
        try:
            outcome, _ = tree.try_mutant(mutant)
        finally:
            trees.put(tree)
        return mutant, outcome, time.monotonic() - started

    alive = 0
    with ThreadPoolExecutor(jobs) as pool:
        for mutant, outcome, seconds in pool.map(attempt, chosen):
            alive += not outcome.is_killed
            print(f"{outcome:<10} {seconds:5.1f} s  {mutant.name}", flush=True)
    return alive


def _require_green(chosen: list[Mutant], trees: queue.Queue[Tree]) -> None:
    """See that the tests pass where nothing is broken.

    Raises:
        SystemExit: they do not, so that a failure would say nothing.
    """
    tree = trees.get()
    tree.require_own_code()
    tests = list(dict.fromkeys(test for mutant in chosen for test in mutant.tests))
    outcome, said = tree.run_tests(tests)
    trees.put(tree)
    if outcome is not Outcome.SURVIVED:
        sys.exit(f"the tests fail without any fault:\n{said}")
    print(f"{len(tests)} files and tests pass without a fault", flush=True)


if __name__ == "__main__":
    sys.exit(main())
