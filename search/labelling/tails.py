"""How unusual a score is: which share of items without a thing would score as high.

With known answers the share is counted. Without, the upper half of a collection's own scores says
how they thin out: between the median and the 90th percentile, where hardly anything shows the
thing, an exponential tail is laid through both and goes on beyond. Scores of the things themselves
lie above and do not count, as long as they are well below a tenth of the collection.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LOW, HIGH = 0.5, 0.9
"""Quantiles that the tail goes through. Chosen on real photos with `mini`."""

_LEAST_SCALE = 1e-9


class Tail(Protocol):
    """The scores of items that do not show a thing, as far as their upper end goes."""

    def shares(self, scores: Floats) -> Floats:
        """`(n,) float64`, over 0 to 1: the share of such items that score as high or higher."""

    def threshold(self, share: float) -> float:
        """The least score whose share is `share` or less."""


@dataclass(frozen=True, slots=True)
class ExponentialTail:
    """From `start`, the score that a share of `1 - HIGH` reaches, it falls with `scale`."""

    start: float
    scale: float

    def shares(self, scores: Floats) -> Floats:
        """See `Tail`; at most 1."""
        powers = np.minimum((self.start - scores) / self.scale, -np.log(1 - HIGH))
        return np.asarray((1 - HIGH) * np.exp(powers))

    def threshold(self, share: float) -> float:
        """See `Tail`."""
        return float(self.start + self.scale * np.log((1 - HIGH) / share))


@dataclass(frozen=True, slots=True)
class CountedTail:
    """Scores of items that are known not to show the thing, `(n,) float64`, ascending."""

    scores: Floats

    def shares(self, scores: Floats) -> Floats:
        """See `Tail`. The item itself counts as one more, so that no share is 0."""
        above = len(self.scores) - np.searchsorted(self.scores, scores, side="left")
        return np.asarray((above + 1) / (len(self.scores) + 1), dtype=np.float64)

    def threshold(self, share: float) -> float:
        """See `Tail`; infinite where there are too few items to say."""
        most = int(share * (len(self.scores) + 1)) - 1
        if most < 0:
            return float("inf")
        return float(np.nextafter(self.scores[len(self.scores) - 1 - most], np.inf))


def tail_of(scores: Floats) -> ExponentialTail:
    """The tail of a collection's `(n,) float64` scores, of which few are of the thing itself."""
    low, high = np.quantile(scores, [LOW, HIGH])
    scale = (high - low) / np.log((1 - LOW) / (1 - HIGH))
    return ExponentialTail(float(high), max(float(scale), _LEAST_SCALE))


def counted_tail(scores: Floats) -> CountedTail:
    """The tail of `(n,) float64` scores of items that are known not to show the thing."""
    return CountedTail(np.sort(scores))
