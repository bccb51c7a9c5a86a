"""How sure a mean over queries is: the bootstrap, studentised.

Queries are drawn anew with replacement, as many as there are. Each resample has a mean and a
standard error of its own, and `t = (its mean - the mean) / its standard error` says how far off a
mean of so many such queries tends to be, in units that the sample itself can estimate. Intervals
and p-values come from the same t, so that they never contradict each other.

After B. Efron and R. Tibshirani, An Introduction to the Bootstrap (1993), chapters 12 and 16; for
evaluation measures of two rankings T. Sakai, Evaluating Evaluation Metrics based on the Bootstrap
(SIGIR 2006), figure 1. With few queries this is more careful than quantiles of the means alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
LEVEL = 0.95
"""Of all intervals. A p-value below `1 - LEVEL` is significant."""

FEWEST_QUERIES = 6
"""Even a gain on each of fewer queries may be chance: 2 / 2**5 is above 0.05 (sign test)."""

_DRAWN_AT_ONCE = 4_000_000
_NO_VARIANCE = 1e-14
_TIE = 1e-9

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimates:
    """Means with their intervals, and how likely means so far from 0 are if it is 0 in truth.

    Each is `(m,) float64`; `p_values` are two-sided. The interval excludes 0 exactly where the
    p-value is below `1 - LEVEL`.
    """

    means: Floats
    low: Floats
    high: Floats
    p_values: Floats


def estimate_means(values: Floats, *, seed: int = 0) -> Estimates:
    """The means of `(n, m)` values over n queries; intervals within -1 and 1.

    The interval is symmetric: the mean plus and minus the t that `LEVEL` of all resamples stay
    within, times the standard error.
    """
    n = len(values)
    means = values.mean(axis=0)
    centred = values - means
    error = standard_error(n, np.zeros_like(means), (centred**2).mean(axis=0))
    ts = np.concatenate(
        [
            np.abs(
                t_of(
                    drawn := counts @ centred / n, standard_error(n, drawn, counts @ centred**2 / n)
                )
            )
            for counts in _resamples(n, seed)
        ]
    )
    t = np.abs(t_of(means, error))
    low, high = _interval(means, error, ts)
    return Estimates(
        means=means,
        low=np.maximum(low, -1.0),
        high=np.minimum(high, 1.0),
        p_values=_share(ts >= t - _TIE),
    )


def standard_error(n: Floats | int, mean: Floats, mean_square: Floats) -> Floats:
    """The standard error of a mean; 0 where all values are the same."""
    variance = mean_square - mean**2
    variance = np.where(variance < _NO_VARIANCE, 0.0, variance)
    return np.asarray(np.sqrt(variance / np.maximum(np.asarray(n) - 1.0, 1.0)))


def t_of(difference: Floats, error: Floats) -> Floats:
    """The t of a difference: without variance infinite, unless there is no difference either."""
    difference = np.where(np.abs(difference) < _TIE, 0.0, difference)
    infinite = np.copysign(np.inf, difference)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(error > 0, difference / error, infinite)
    return np.where(difference == 0, 0.0, ratio)


def _interval(means: Floats, error: Floats, ts: Floats) -> tuple[Floats, Floats]:
    """Means plus and minus the error times a t, by `(b, m)` absolute values of t.

    The t is that which exactly so many resamples reach that a p-value is not significant.
    """
    allowed = int((1 - LEVEL) * (len(ts) + 1))
    t = np.sort(ts, axis=0)[len(ts) - allowed]
    with np.errstate(invalid="ignore"):
        margin = np.where(error > 0, t * error, 0.0)
    return means - margin, means + margin


def _share(extreme: NDArray[np.bool_]) -> Floats:
    """A p-value: the share of `(b, m)` resamples, the sample itself among them."""
    return np.asarray((1.0 + extreme.sum(axis=0)) / (1.0 + len(extreme)))


def _resamples(n: int, seed: int) -> Iterator[Floats]:
    """How often each of n queries comes in each resample, `(b, n)`, in batches."""
    random = np.random.default_rng(seed)
    rows = max(1, _DRAWN_AT_ONCE // n)
    for start in range(0, RESAMPLES, rows):
        b = min(rows, RESAMPLES - start)
        drawn = random.integers(n, size=(b, n)) + n * np.arange(b)[:, None]
        yield np.bincount(drawn.ravel(), minlength=b * n).reshape(b, n).astype(np.float64)
