"""Statistics of pixels in one pass: moments that merge, and histograms.

Means and deviations are of all pixels at native resolution. Batches and tiles are
merged by Chan's formulas (Chan, Golub, LeVeque 1979), which stay exact to rounding
where a sum of squares would cancel; in a fixed order, so the result is always the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

PERCENTILES: Final = (1, 2, 5, 25, 50, 75, 95, 98, 99)
_DB_LOWEST: Final = -100.0
_DB_STEP: Final = 0.01
_DB_BINS: Final = 15_000
"""Backscatter of -100 to 50 dB in steps of 0.01 dB; what is beyond is in the ends."""
_DN_BINS: Final = 1 << 16


@dataclass(frozen=True)
class Moments:
    """Count, mean, sum of squared deviations and extremes of some values."""

    count: int = 0
    """Number of values."""
    mean: float = 0.0
    """Their mean."""
    squared: float = 0.0
    """Sum of the squares of their deviations from the mean."""
    least: float = math.inf
    """Smallest value."""
    most: float = -math.inf
    """Largest value."""

    @classmethod
    def of(cls, values: npt.NDArray[Any]) -> Self:
        """The moments of an array of any shape, by two passes over it."""
        if values.size == 0:
            return cls()
        exact = values.astype(np.float64, copy=False)
        mean = float(exact.mean())
        squared = float(np.square(exact - mean).sum())
        return cls(values.size, mean, squared, float(exact.min()), float(exact.max()))

    def merge(self, other: Moments) -> Moments:
        """The moments of both sets of values together.

        >>> whole = Moments.of(np.array([1.0, 2.0, 6.0]))
        >>> Moments.of(np.array([1.0])).merge(Moments.of(np.array([2.0, 6.0]))) == whole
        True
        """
        count = self.count + other.count
        if count == 0:
            return self
        apart = other.mean - self.mean
        mean = self.mean + apart * other.count / count
        between = apart * apart * self.count * other.count / count
        return Moments(
            count,
            mean,
            self.squared + other.squared + between,
            min(self.least, other.least),
            max(self.most, other.most),
        )

    @property
    def deviation(self) -> float:
        """Standard deviation of the values as a population."""
        return math.sqrt(self.squared / self.count) if self.count else math.nan


@dataclass(frozen=True)
class BandStatistics:
    """Moments of a band's pixels, and how often each value occurs."""

    moments: Moments
    """Of all finite pixels."""
    histogram: npt.NDArray[np.int64]
    """Number of pixels by digital number, or by 0.01 dB from -100 dB on."""
    is_db: bool
    """Whether it is backscatter in dB."""

    @classmethod
    def of(cls, pixels: npt.NDArray[Any]) -> Self:
        """Statistics of pixels of any shape: uint16 numbers or float32 dB."""
        is_db = pixels.dtype.kind == "f"
        finite = pixels[np.isfinite(pixels)] if is_db else pixels.ravel()
        bins = _DB_BINS if is_db else _DN_BINS
        at = _db_bin(finite) if is_db else finite
        histogram = np.bincount(at, minlength=bins).astype(np.int64)
        return cls(Moments.of(finite), histogram, is_db)

    def merge(self, other: BandStatistics) -> BandStatistics:
        """Statistics of the pixels of both."""
        return BandStatistics(
            self.moments.merge(other.moments),
            self.histogram + other.histogram,
            self.is_db,
        )

    def percentiles(self) -> dict[str, float]:
        """Smallest value that so many percent of the pixels do not exceed.

        Exact for digital numbers, to 0.01 dB for backscatter.
        """
        total = np.cumsum(self.histogram)
        ranks = [math.ceil(p / 100 * self.moments.count) for p in PERCENTILES]
        bins = np.searchsorted(total, np.maximum(ranks, 1))
        values = _DB_LOWEST + bins * _DB_STEP if self.is_db else bins
        return {
            str(p): round(float(value), 2)
            for p, value in zip(PERCENTILES, values, strict=True)
        }

    def describe(self) -> dict[str, object]:
        """The band's part of ``statistics.json``."""
        if not self.moments.count:
            return {"count": 0}
        return {
            "count": self.moments.count,
            "mean": self.moments.mean,
            "deviation": self.moments.deviation,
            "min": self.moments.least,
            "max": self.moments.most,
            "percentiles": self.percentiles(),
        }


def _db_bin(values: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    at = np.floor((values.astype(np.float64) - _DB_LOWEST) / _DB_STEP)
    return np.clip(at, 0, _DB_BINS - 1).astype(np.int64)


PartStatistics = dict[tuple[str, str], BandStatistics]
"""(part, band) to the statistics of its pixels."""


def merge_all(statistics: Iterable[PartStatistics]) -> PartStatistics:
    """The statistics of several tiles together, merged in the order given."""
    total: PartStatistics = {}
    for found in statistics:
        for key, band in found.items():
            total[key] = total[key].merge(band) if key in total else band
    return total


def count_labels(
    labels: Iterable[Iterable[str]], order: tuple[str, ...]
) -> dict[str, object]:
    """How many patches have each label, and each pair of labels.

    Returns:
        ``labels``: name to number of patches; ``co_occurrence``: rows and columns in
        ``order``, the diagonal is the number of patches with the label.
    """
    place = {label: number for number, label in enumerate(order)}
    together = np.zeros((len(order), len(order)), np.int64)
    for names in labels:
        at = [place[name] for name in names]
        together[np.ix_(at, at)] += 1
    return {
        "labels": dict(zip(order, together.diagonal().tolist(), strict=True)),
        "co_occurrence": together.tolist(),
    }


def count_codes(
    pixels: Iterable[Iterable[tuple[int, int]]],
) -> dict[str, Mapping[str, int]]:
    """Land-cover code to its number of pixels and of patches."""
    n_pixels: dict[int, int] = {}
    n_patches: dict[int, int] = {}
    for patch in pixels:
        for code, count in patch:
            n_pixels[code] = n_pixels.get(code, 0) + count
            n_patches[code] = n_patches.get(code, 0) + 1
    return {
        str(code): {"pixels": n_pixels[code], "patches": n_patches[code]}
        for code in sorted(n_pixels)
    }
