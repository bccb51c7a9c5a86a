"""Ranges of numbers and dates for histograms.

Numbers: the narrowest ranges of equal width that start at a multiple of it and are at most ten,
with a width of 1, 2, 2.5 or 5 times a power of ten (whole numbers: at least 1, and no 2.5).
Dates: months if they lie within 24 of them, else years.
"""

import bisect
import itertools
import math
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from fractions import Fraction

MOST_RANGES = 10
MOST_MONTHS = 24

_STEPS = (Fraction(1), Fraction(2), Fraction(5, 2), Fraction(5))


def number_edges(least: float, largest: float) -> list[float]:
    """The edges of the ranges, ascending: `edges[i] <= value < edges[i + 1]` for all values.

    Whole numbers in, whole numbers out. (The largest double has no number above it: there, the
    last range includes its end.)
    """
    whole = isinstance(least, int) and isinstance(largest, int)
    # As people write them: 0.3 and not the double that is a little less, on 0.3 and not below.
    low, high = Fraction(repr(least)), Fraction(repr(largest))
    for width in _widths(low, high, whole):
        first, last = math.floor(low / width), math.floor(high / width) + 1
        if last - first <= MOST_RANGES:
            break
    edges = [width * step for step in range(first, last + 1)]
    return [int(edge) for edge in edges] if whole else sorted({_float(edge) for edge in edges})


def range_of(value: float, edges: Sequence[float]) -> int:
    """Which range a value lies in: the index of its start."""
    return min(bisect.bisect_right(edges, value), len(edges) - 1) - 1


def period_of(day: date, *, months: bool) -> tuple[date, date]:
    """The month or year of a day: its first day, and the first day after it."""
    start = day.replace(day=1) if months else day.replace(month=1, day=1)
    index = start.year * 12 + start.month - 1 + (1 if months else 12)
    after = date.max if index >= (date.max.year + 1) * 12 else date(index // 12, index % 12 + 1, 1)
    return start, after


def are_months(earliest: date, latest: date) -> bool:
    """Whether days lie so close together that they are counted by month."""
    months = (latest.year - earliest.year) * 12 + latest.month - earliest.month + 1
    return months <= MOST_MONTHS


def _widths(low: Fraction, high: Fraction, whole: bool) -> Iterator[Fraction]:
    """Nice widths in ascending order, from one that is surely not too wide."""
    least = Fraction(1) if whole else _grain(low, high)
    start = max((high - low) / (10 * MOST_RANGES), least)
    exponent = math.floor(math.log10(start))
    for power in itertools.count(exponent):
        for step in _STEPS:
            width = step * Fraction(10) ** power
            if width >= least and (not whole or width.denominator == 1):
                yield width


def _grain(low: Fraction, high: Fraction) -> Fraction:
    """The least width that doubles of this size can tell apart; a tenth of a single value."""
    size = max(abs(low), abs(high))
    grain = Fraction(math.ulp(float(size))) * 16
    if low == high:
        grain = size / 10 or Fraction(1)
    return max(grain, Fraction(sys.float_info.min))


def _float(edge: Fraction) -> float:
    try:
        return float(edge)
    except OverflowError:
        return sys.float_info.max if edge > 0 else -sys.float_info.max
