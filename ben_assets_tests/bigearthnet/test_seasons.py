from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ben_assets.bigearthnet.seasons import season_of

MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("last_day", "season"),
    [((5, 31), "spring"), ((8, 31), "summer"), ((11, 30), "fall")],
    ids=["spring", "summer", "fall"],
)
def test_a_season_ends_with_the_first_instant_of_its_last_day(last_day, season):
    midnight = datetime(2018, *last_day, tzinfo=UTC)
    assert season_of(midnight) == season
    assert season_of(midnight + MOMENT) == "winter"
    assert season_of(midnight + timedelta(hours=23, minutes=59)) == "winter"


@pytest.mark.parametrize(
    ("first_day", "season"),
    [((3, 1), "spring"), ((6, 1), "summer"), ((9, 1), "fall")],
    ids=["spring", "summer", "fall"],
)
def test_a_season_begins_with_the_first_instant_of_its_first_day(first_day, season):
    midnight = datetime(2018, *first_day, tzinfo=UTC)
    assert season_of(midnight) == season
    assert season_of(midnight - MOMENT) == "winter"


def test_the_day_is_that_of_utc():
    east = timezone(timedelta(hours=3))
    assert season_of(datetime(2018, 5, 31, 2, tzinfo=east)) == "spring"
    assert season_of(datetime(2018, 3, 1, 2, tzinfo=east)) == "winter"


@given(st.datetimes(), st.integers(-12, 14))
def test_an_instant_has_one_season_wherever_its_clock_stands(time, hours):
    time = min(max(time, datetime(2, 1, 1)), datetime(9998, 1, 1)).replace(tzinfo=UTC)
    elsewhere = time.astimezone(timezone(timedelta(hours=hours)))
    assert season_of(elsewhere) == season_of(time)


@given(st.datetimes(datetime(2015, 1, 1), datetime(2030, 1, 1)))
def test_a_season_is_that_of_its_months_but_for_the_last_days(time):
    months = {"spring": (3, 4, 5), "summer": (6, 7, 8), "fall": (9, 10, 11)}
    by_month = next((s for s, m in months.items() if time.month in m), "winter")
    is_gap = (time.month, time.day) in {(5, 31), (8, 31), (11, 30)} and (
        time.time() > datetime.min.time()
    )
    assert season_of(time.replace(tzinfo=UTC)) == ("winter" if is_gap else by_month)
