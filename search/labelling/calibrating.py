"""From cosines to confidences: a temperature, and what is known of the values' frequencies.

Models favour some words over others, whatever a picture shows. If it is known how often each
value occurs, a constant for each value mends that without a label of any item: the constants
with which the confidences, summed over the items, give just those frequencies (the row scaling of
Sinkhorn and Knopp, Pacific J. Math. 21, 1967, on the softmax's matrix).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TEMPERATURE = 0.02
"""Where there is nothing to fit it to. The likeliest on the real catalogue with `mini`, tuned."""

TEMPERATURES = (0.005, 0.0075, 0.01, 0.0125, 0.015, 0.02, 0.025, 0.03, 0.04, 0.06)
"""What `fit_temperature` chooses from."""

_ROUNDS = 50
_LEAST_SHARE = 1e-9

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """How cosines become confidences: the softmax of `cosines / temperature + bias`.

    `bias` is `(values,) float64`; None stands for zeros.
    """

    temperature: float = TEMPERATURE
    bias: Floats | None = None

    def log_confidences(self, cosines: NDArray[np.floating]) -> Floats:
        """`(n, values) float64`: natural logarithms of the confidences, for `(n, values)`."""
        logits = cosines.astype(np.float64) / self.temperature
        if self.bias is not None:
            logits = logits + self.bias
        logits -= logits.max(axis=1, keepdims=True)
        return np.asarray(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))

    def confidences(self, cosines: NDArray[np.floating]) -> Floats:
        """`(n, values) float64`: for each item, how sure each value is; they sum to 1."""
        return np.asarray(np.exp(self.log_confidences(cosines)))


def match_frequencies(
    cosines: NDArray[np.floating], frequencies: Floats, temperature: float = TEMPERATURE
) -> Calibration:
    """The calibration whose confidences have these frequencies, over items like `cosines`.

    `cosines` is `(n, values)`, `frequencies` `(values,)` with sum 1. Ground truth is not needed.
    """
    wanted = np.log(np.maximum(frequencies, _LEAST_SHARE))
    bias = np.zeros(cosines.shape[1])
    for _ in range(_ROUNDS if len(cosines) else 0):
        means = Calibration(temperature, bias).confidences(cosines).mean(axis=0)
        bias = bias + wanted - np.log(np.maximum(means, _LEAST_SHARE))
    return Calibration(temperature, bias)


def fit_temperature(
    cosines: NDArray[np.floating], codes: NDArray[np.int64], frequencies: Floats
) -> Calibration:
    """`match_frequencies` at the temperature that makes what the catalogue says likeliest.

    `codes` is `(n,) int64`: the number of each item's value in its catalogue, below 0 where it
    says none. Some may be wrong: one number is fitted to all of them.
    """
    says = np.flatnonzero(codes >= 0)
    if not len(says):
        return match_frequencies(cosines, frequencies)
    tried = [match_frequencies(cosines, frequencies, each) for each in TEMPERATURES]
    likelihoods = [
        float(each.log_confidences(cosines[says])[np.arange(len(says)), codes[says]].mean())
        for each in tried
    ]
    return tried[int(np.argmax(likelihoods))]


def calibrate(cosines: NDArray[np.floating], codes: NDArray[np.int64]) -> Calibration:
    """What `tag` uses: frequencies and temperature from the catalogue's own values.

    `cosines` `(n, values)` and `codes` `(n,) int64`, below 0 where the catalogue says nothing. An
    item's own value has no say in its label but as one of n. Without any the default comes back.
    """
    said = codes[codes >= 0]
    if not len(said):
        return Calibration()
    counts = np.bincount(said, minlength=cosines.shape[1]) + 0.5
    return fit_temperature(cosines, codes, np.asarray(counts / counts.sum()))
