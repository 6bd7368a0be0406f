"""Statistics of pixels: merged in any way, they are those of all pixels at once."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from ben_assets.training.statistics import (
    PERCENTILES,
    BandStatistics,
    Moments,
    count_codes,
    count_labels,
    merge_all,
)

RNG = np.random.default_rng(seed=7)


def merged(parts: list[np.ndarray]) -> Moments:
    return functools.reduce(Moments.merge, map(Moments.of, parts))


@pytest.mark.parametrize("offset", [0.0, 1e4, 1e9, -1e12])
def test_moments_do_not_suffer_from_a_large_offset(offset):
    """A sum of squares would keep no digit of the deviation at 1e9."""
    noise = RNG.normal(0, 1, 30_000)
    values = offset + noise
    around_zero = values - offset  # exact: what the addition left of the noise
    found = merged(np.array_split(values, 97))
    assert found.count == values.size
    assert found.deviation == pytest.approx(around_zero.std(), rel=1e-6)
    assert found.mean - offset == pytest.approx(
        around_zero.mean(), abs=1e-9 + abs(offset) * 1e-15
    )
    assert (found.least, found.most) == (values.min(), values.max())


def test_an_empty_batch_changes_nothing():
    some, none = Moments.of(np.array([3.0, 5.0])), Moments.of(np.array([]))
    assert some.merge(none) == none.merge(some) == some
    assert none.merge(none) == none
    assert np.isnan(none.deviation)


@pytest.mark.parametrize("is_db", [False, True], ids=["numbers", "dB"])
def test_tiles_merge_to_the_statistics_of_all_pixels(is_db):
    pixels = RNG.integers(0, 65536, (40, 20, 20)).astype(np.uint16)
    if is_db:
        pixels = RNG.normal(-12.6, 5.1, (40, 20, 20)).astype(np.float32)
    parts = [{("train", "x"): BandStatistics.of(part)} for part in pixels]
    stated = merge_all(parts)["train", "x"].describe()
    exact = pixels.astype(np.float64)
    assert stated["count"] == pixels.size
    assert stated["mean"] == pytest.approx(exact.mean(), rel=1e-12)
    assert stated["deviation"] == pytest.approx(exact.std(), rel=1e-12)
    assert (stated["min"], stated["max"]) == (exact.min(), exact.max())
    expected = np.percentile(exact, PERCENTILES, method="inverted_cdf")
    found = [stated["percentiles"][str(p)] for p in PERCENTILES]
    assert found == pytest.approx(expected, abs=0.011 if is_db else 0)


def test_pixels_without_a_measurement_do_not_count():
    pixels = np.array([[-20.0, np.nan], [np.inf, -10.0]], np.float32)
    stated = BandStatistics.of(pixels).describe()
    assert (stated["count"], stated["mean"]) == (2, -15.0)
    nothing = BandStatistics.of(np.full((2, 2), np.nan, np.float32))
    assert nothing.describe() == {"count": 0}


def test_labels_and_pairs_of_labels_are_counted_in_the_given_order():
    found = count_labels([["b", "a"], ["a"], []], ("c", "a", "b"))
    assert found["labels"] == {"c": 0, "a": 2, "b": 1}
    assert found["co_occurrence"] == [[0, 0, 0], [0, 2, 1], [0, 1, 1]]


def test_pixels_without_land_cover_are_counted_as_999():
    found = count_codes([[(211, 14_000), (999, 400)], [(999, 3_599), (211, 10_801)]])
    assert found == {
        "211": {"pixels": 24_801, "patches": 2},
        "999": {"pixels": 3_999, "patches": 2},
    }
