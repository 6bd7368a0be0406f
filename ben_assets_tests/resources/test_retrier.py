"""When to try again: how often, and pauses that processes share."""

from __future__ import annotations

import time

import pytest

from ben_assets.bigearthnet.errors import InvalidInput, ServiceUnavailable
from resources.settings import Settings
from resources.transfers.retrier import MOST_FAILURES, BackOff, Retrier
from resources.transfers.timeouts import Timeouts
from resources.transfers.transfer import NoDigest, Pace, Place, Transfer

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


class Clock:
    """It goes on only while somebody sleeps."""

    now = 1e9

    def time(self):
        return self.now

    monotonic = time

    def sleep(self, seconds):
        self.now += seconds


def test_nobody_asks_before_a_pause_of_another_process_is_over(
    pause, tmp_path, monkeypatch
):
    clock = Clock()
    monkeypatch.setattr("resources.transfers.retrier.time", clock)
    started, task = clock.now, Retrier(TIMEOUTS, pause, print)
    BackOff(tmp_path / "pause", TIMEOUTS).ask(60)
    assert started + 60 <= task.run(clock.time) <= started + 61
    assert task.seconds_left == pytest.approx(TIMEOUTS.total_seconds), "not counted"


def test_a_pause_beyond_the_longest_is_of_a_clock_put_back(pause, tmp_path):
    longest = TIMEOUTS.longest_pause_seconds
    (tmp_path / "pause").write_text(repr(time.time() + 10 * longest))
    pause.ask(1e9)
    assert float((tmp_path / "pause").read_text()) <= time.time() + longest


@pytest.mark.parametrize("text", ["soon", "-1", "inf", "nan"])
def test_a_time_that_is_no_number_of_seconds_is_refused_unseen(text):
    with pytest.raises(InvalidInput, match="CDSE_STALL_SECONDS is not a n") as error:
        Timeouts.from_settings(Settings({"CDSE_STALL_SECONDS": text}))
    assert f" {text}" not in str(error.value)
    settings = Settings({"CDSE_STALL_SECONDS": "0.5", "CDSE_GIVE_UP_SECONDS": "0"})
    assert Timeouts.from_settings(settings) == Timeouts(0.5, give_up_seconds=0)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("CDSE_CONNECTIONS", "0", "whole number of at least 1"),
        ("CDSE_CONNECTIONS", "0.5", "whole number of at least 1"),
        ("CDSE_CONNECTIONS", "1.5", "whole number of at least 1"),
        ("CDSE_STALL_SECONDS", "0", "number above 0"),
    ],
)
def test_a_limit_by_which_nothing_would_ever_come_is_refused(name, text, expected):
    with pytest.raises(InvalidInput, match=f"{name} is not a {expected}; expected one"):
        Timeouts.from_settings(Settings({name: text}))


def test_a_question_that_is_given_up_early_waits_no_longer_for_any_part():
    short = Timeouts().at_most(5)
    found = (short.stall_seconds, short.give_up_seconds, short.total_seconds)
    assert found == (5, 5, 5)
    assert Timeouts(1, 1, 1, 1).at_most(5) == Timeouts(1, 1, 1, 1)


@pytest.mark.parametrize("step", [0, 1 << 20], ids=["none", "a MiB"])
def test_only_bytes_further_than_ever_end_the_count_of_failures(step, pause, tmp_path):
    attempts = Retrier(TIMEOUTS, pause, lambda line: None)
    body = Transfer(Place(tmp_path / "x"), attempts, lambda size: None, NoDigest)

    def break_off():
        for number in range(2 * MOST_FAILURES):
            with body.attempt():
                body.size = (1 << 20) + number * step
                raise ServiceUnavailable("cut")

    if step:
        break_off()
    else:
        with pytest.raises(ServiceUnavailable, match=f"failed {MOST_FAILURES} times"):
            break_off()


def test_a_body_that_trickles_is_given_up(pause):
    attempts, long_ago = Retrier(TIMEOUTS, pause, print), time.monotonic() - 60
    Pace(attempts).require(1, "x")
    pace = Pace(attempts, since=long_ago, bytes=9_000_000)
    pace.require(1, "x")
    assert (pace.bytes, pace.since > long_ago) == (0, True)
    with pytest.raises(ServiceUnavailable, match=r"x: only 1001 bytes in \d\d"):
        Pace(attempts, since=long_ago, bytes=1_000).require(1, "x")
