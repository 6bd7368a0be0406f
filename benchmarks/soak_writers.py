"""Six processes on two tiles, some of them killed and some stopped for a while.

``python -m benchmarks.soak_writers [--minutes 10] [--seed 1]``. The processes say that
they are on three hosts with short-lived locks: so one that is stopped (SIGSTOP) is
overtaken, and finds out when it goes on (SIGCONT). After each storm every tile is whole
or absent, and a plain run makes the bytes of a quiet one. A process may end well, by a
kill of ours, or by an error of ours, which is counted.
"""

from __future__ import annotations

import argparse
import functools
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.errors import BenError
from ben_assets.synthetic.dataset import SyntheticData, make_synthetic_data
from ben_assets.synthetic.tiles import DEMO_TILES
from ben_assets_tests.support.pipeline import STEPS, Pipeline
from benchmarks.soak_main_job import finish, start
from benchmarks.whole_tiles import WholeTiles
from resources.data_root import file_locks, locks, store

PROCESSES: Final = 6
HOSTS: Final = 3
KEYS: Final = tuple(tile.key for tile in DEMO_TILES[:2])
STORM_SECONDS: Final = 60.0
BEAT_SECONDS: Final = 0.2
GONE_AFTER_SECONDS: Final = 3.0
"""As for locks of other hosts, but shorter than some of the stops."""
LONGEST_STOP_SECONDS: Final = 6.0
_ASSETS: Final = tuple(STEPS)[1:]
"""All but the import of the product, which is made once."""
_NAMED: Final = 7
"""Exit code of a process that ended with an error of ours."""


@dataclass
class Storm:
    """The processes at work, and what became of those before them."""

    pipeline: Pipeline
    """What they make."""
    dice: random.Random
    """Who is hit, when and how."""
    running: list[BaseProcess] = field(default_factory=list)
    """Of each host the same number."""
    stopped: dict[int, float] = field(default_factory=dict)
    """Process id to when it shall go on."""
    seen: Counter[str] = field(default_factory=Counter)
    """What was done, and how processes ended."""

    def blow(self, seconds: float) -> None:
        """Let the processes work, and hit one after the other.

        Raises:
            AssertionError: one ended with an error that is not ours.
        """
        end = time.monotonic() + seconds
        self.running = [self._start(number) for number in range(PROCESSES)]
        while time.monotonic() < end:
            time.sleep(self.dice.uniform(0.2, 3))
            self._hit(self.dice.randrange(PROCESSES))
            self._go_on()
            self._replace()
        for process in self.running:
            process.kill()
            process.join()
        self.stopped.clear()

    def _start(self, number: int) -> BaseProcess:
        key = self.dice.choice(KEYS)
        return start(_work, self.pipeline, f"host {number % HOSTS}", key)

    def _hit(self, number: int) -> None:
        pid = self.running[number].pid
        assert pid is not None
        if self.dice.random() < 0.4:
            self.running[number].kill()
            self.seen["killed"] += 1
        elif pid not in self.stopped:
            os.kill(pid, signal.SIGSTOP)
            pause = self.dice.uniform(0, LONGEST_STOP_SECONDS)
            self.stopped[pid] = time.monotonic() + pause
            self.seen["stopped"] += 1

    def _go_on(self) -> None:
        for pid, until in list(self.stopped.items()):
            if time.monotonic() >= until:
                os.kill(pid, signal.SIGCONT)
                del self.stopped[pid]

    def _replace(self) -> None:
        for number, process in enumerate(self.running):
            if process.is_alive():
                continue
            code = process.exitcode
            assert code in (0, _NAMED, -signal.SIGKILL), f"a process ended with {code}"
            self.seen[{0: "finished", _NAMED: "named"}.get(code, "dead")] += 1
            self.stopped.pop(process.pid or 0, None)
            self.running[number] = self._start(number)


def _work(pipeline: Pipeline, host: str, key: str) -> None:
    """Make one tile as a process of this host would."""
    _say_host(host)
    try:
        for asset in _ASSETS:
            pipeline.make(asset, key)
    except BenError as error:
        with (pipeline.root / "named").open("a") as file:
            file.write(f"{type(error).__name__}\n")
        os._exit(_NAMED)


def _say_host(host: str) -> None:
    """Let this process seem to run on a host, with locks that live for seconds."""
    quick = functools.partial(
        file_locks.FileLocks,
        beat_seconds=BEAT_SECONDS,
        gone_after_seconds=GONE_AFTER_SECONDS,
    )
    for module, name, value in (
        (locks, "_machine", lambda: host),
        (file_locks, "FileLocks", quick),
        (store, "FileLocks", quick),
    ):
        setattr(module, name, value)


def campaign(folder: Path, seconds: float, seed: int) -> str:
    """One storm after the other; what was seen.

    Raises:
        AssertionError: half a tile, other bytes, or an error that is not ours.
    """
    finish(start(_make_quietly, folder))
    pipeline = Pipeline(SyntheticData(folder / "synthetic", KEYS), folder)
    whole = WholeTiles.of(pipeline)
    storm = Storm(pipeline, random.Random(seed))
    end, storms = time.monotonic() + seconds, 0
    while storms == 0 or time.monotonic() < end:
        storm.blow(min(STORM_SECONDS, seconds))
        whole.require_whole_or_absent(pipeline)
        for key in KEYS:
            finish(start(_work, pipeline, "a quiet host", key))
        whole.require_all(pipeline, f"storm {storms} and a plain run")
        storms += 1
    named = pipeline.root / "named"
    errors = Counter(named.read_text().split() if named.exists() else ())
    return (
        f"soak, writers: {PROCESSES} processes on {len(KEYS)} tiles, {storms} storms: "
        f"{dict(storm.seen)}, errors {dict(errors)}; no tile was half there, and every "
        "plain run made the bytes of a quiet one"
    )


def _make_quietly(folder: Path) -> None:
    make_synthetic_data(folder / "synthetic", tiles=DEMO_TILES[:2], l1c=False)
    pipeline = Pipeline(SyntheticData(folder / "synthetic", KEYS), folder)
    for key in KEYS:
        pipeline.make_tile(key)


def main() -> int:
    """Run the campaign and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        print(campaign(Path(name), given.minutes * 60, given.seed), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
