"""When to try again: how often, and pauses that processes share."""

from __future__ import annotations

import time

import pytest

from ben_assets.bigearthnet.errors import ServiceUnavailable
from resources.transfers.retrier import MOST_FAILURES, BackOff, Retrier
from resources.transfers.timeouts import Timeouts

TIMEOUTS = Timeouts(first_wait_seconds=0, longest_wait_seconds=0)


@pytest.fixture
def pause(tmp_path):
    return BackOff(tmp_path / "pause", TIMEOUTS)


def test_failures_in_a_row_end_a_task(pause):
    tries = []

    def fail():
        tries.append(1)
        raise ServiceUnavailable("busy")

    with pytest.raises(ServiceUnavailable, match=f"failed {MOST_FAILURES} times in"):
        Retrier(TIMEOUTS, pause, print).run(fail)
    assert len(tries) == MOST_FAILURES


def test_a_shared_pause_is_never_shortened(pause, tmp_path):
    pause.ask(60)
    asked = (tmp_path / "pause").read_text()
    pause.ask(1)
    assert (tmp_path / "pause").read_text() == asked


def test_a_pause_beyond_the_longest_is_of_a_clock_put_back(pause, tmp_path):
    longest = TIMEOUTS.longest_pause_seconds
    (tmp_path / "pause").write_text(repr(time.time() + 10 * longest))
    pause.ask(1e9)
    assert float((tmp_path / "pause").read_text()) <= time.time() + longest
