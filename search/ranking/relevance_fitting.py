"""What a calibration is fitted with: how queries score, and a logistic regression."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.encoders.base import Embeddings

Floats = NDArray[np.float64]

NEAREST = 5
"""How many of the best scores speak for a query: one alone may be chance."""

RIDGE = 3.0
"""Pull of the weights of a direction towards zero (chosen on the development queries)."""

SMALL = 1e-6
"""What a spread is taken for where nothing is spread."""


@dataclass(frozen=True, slots=True)
class Scores:
    """How queries score against the sample: `(n,)` each.

    `best` is the top score, `top` the mean of the NEAREST best, `mean` and `spread` those of all.
    """

    best: Floats
    top: Floats
    mean: Floats
    spread: Floats

    @property
    def standout(self) -> Floats:
        """How far the best stand out of the query's own scores, in their spread."""
        return (self.top - self.mean) / self.spread


def scores_of(queries: Embeddings, sample: Embeddings) -> Scores:
    """The scores of `(n, dim)` queries against an `(m, dim)` sample."""
    scores = (queries @ sample.T).astype(np.float64)
    nearest = min(NEAREST, scores.shape[1])
    top = np.partition(scores, -nearest, axis=1)[:, -nearest:]
    spread = np.maximum(scores.std(axis=1), SMALL)
    return Scores(top.max(axis=1), top.mean(axis=1), scores.mean(axis=1), spread)


def logistic(rows: NDArray[np.floating], labels: NDArray[np.bool_], ridge: float) -> Floats:
    """Weights `(d + 1,)`, the bias last, of a ridge logistic regression; both labels weigh alike.

    Newton's method on the weighted log-likelihood (Bishop, Pattern Recognition and Machine
    Learning, 4.3.3).
    """
    told = np.c_[rows.astype(np.float64), np.ones(len(rows))]
    share = len(labels) / 2
    weight = np.where(labels, share / max(labels.sum(), 1), share / max((~labels).sum(), 1))
    pull = np.diag([*[ridge] * (told.shape[1] - 1), SMALL])
    found: Floats = np.zeros(told.shape[1])
    for _ in range(30):
        chance = sigmoid(told @ found)
        slope = told.T @ (weight * (chance - labels)) + pull @ found
        bend = (told * (weight * chance * (1 - chance) + SMALL)[:, None]).T @ told + pull
        step = np.linalg.solve(bend, slope)
        found = found - step
        if np.abs(step).max() < SMALL:
            break
    return found


def logit_of(rows: NDArray[np.floating], weights: Floats) -> Floats:
    """`(n,)`: the logit that `logistic` gave weights for."""
    logits: Floats = rows.astype(np.float64) @ weights[:-1] + weights[-1]
    return logits


def held_out_logits(
    rows: Embeddings, labels: NDArray[np.bool_], phrases: NDArray[np.int64], folds: int = 5
) -> Floats:
    """`(n,)`: the logit of each row by weights fitted without its phrase."""
    found: Floats = np.zeros(len(rows))
    for fold in range(folds):
        out = phrases % folds == fold
        found[out] = logit_of(rows[out], logistic(rows[~out], labels[~out], RIDGE))
    return found


def sigmoid(logits: Floats) -> Floats:
    """1 / (1 + exp(-x)), without overflow."""
    chances: Floats = 1 / (1 + np.exp(-np.clip(logits, -60, 60)))
    return chances
