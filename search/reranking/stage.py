"""The second stage of one query: a reranker's scores, mixed with those of the first ranking."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from search.encoders.base import Encoder
from search.errors import VitrineError
from search.meaning import Meaning
from search.reranking.base import Reranker, Scores, Shortlist
from search.store.base import Candidate, Store

DIGITS = 6
"""Scores are rounded to these, as the store's are: what differs by less is a tie."""

LEAST_SPREAD = 1e-3
"""What candidates that all have one score are spread over, so that they have an order."""


@dataclass(slots=True)
class SecondStage:
    """Reranks the first `depth` candidates of one query's ranking.

    Afterwards `took_ms` and `warnings` say what it cost, and why it did nothing if it failed.
    """

    reranker: Reranker
    depth: int
    meaning: Meaning
    encoder: Encoder
    store: Store
    collection: str
    took_ms: float = 0.0
    warnings: list[str] = field(default_factory=list)

    def __call__(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """All the candidates, the first `depth` of them with what lifts them to their places."""
        started = time.perf_counter()
        first, rest = candidates[: self.depth], candidates[self.depth :]
        ids = tuple(each.id for each in first)
        shortlist = Shortlist(ids, self.meaning, self.encoder, self.store, self.collection)
        try:
            given = self.reranker.scores(shortlist) if ids else np.zeros(0, np.float32)
        except VitrineError as error:
            self.warnings.append(f"Not reranked: {error.message}")
            return list(candidates)
        finally:
            self.took_ms += (time.perf_counter() - started) * 1000
        return [*lifted(first, given, self.reranker.weight), *rest]


def lifted(candidates: Sequence[Candidate], given: Scores, weight: float) -> list[Candidate]:
    """The candidates with a reranker's scores, and what lifts (or lowers) each to its new place.

    The new order is by `(1 - weight) * z(score) + weight * z(given)`, both standardised over the
    candidates; what has no score from the reranker is placed by its own alone. Those sums are
    stretched onto the span of the old scores, so that the candidates stay ahead of those behind
    them, and boosts weigh what they weighed.
    """
    if not candidates:
        return []
    scores = np.array([each.ranked_by for each in candidates], dtype=np.float64)
    told = np.isfinite(given)
    first = _standardised(scores, np.ones(len(scores), dtype=bool))
    second = _standardised(np.where(told, given, 0).astype(np.float64), told)
    mixed = np.where(told, (1 - weight) * first + weight * second, first)
    low, high = scores.min(), max(scores.max(), scores.min() + LEAST_SPREAD)
    spread = np.ptp(mixed)
    share = (mixed - mixed.min()) / spread if spread > 0 else np.zeros(len(mixed))
    lifts = np.round(low + (high - low) * share - scores, DIGITS)
    return [
        replace(each, lift=float(lift), rerank=float(said) if known else None)
        for each, lift, said, known in zip(candidates, lifts, given, told)
    ]


def _standardised(values: NDArray[np.float64], told: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The values less the mean of those that are told, in units of their standard deviation."""
    if not told.any():
        return np.zeros(len(values))
    spread = values[told].std()
    centred = np.asarray(values - values[told].mean())
    return centred / spread if spread > 0 else np.zeros(len(values))
