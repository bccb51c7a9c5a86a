"""Two evaluations of the same queries side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from search.errors import EvaluationError
from search.evaluation.bootstrap import FEWEST_QUERIES, LEVEL, Floats, estimate_means
from search.evaluation.measuring import MEASURES, Evaluation, QueryScore


class Verdict(StrEnum):
    """What may be said of a difference."""

    SIGNIFICANT = "significant"
    NOT_SIGNIFICANT = "not significant"
    TOO_FEW = "too few queries"


@dataclass(frozen=True, slots=True)
class Difference:
    """A measure of both, `first - second` with its interval, and how likely chance alone is it.

    `p_value` is two-sided, of the paired bootstrap over queries, for this measure by itself. With
    fewer than `FEWEST_QUERIES` queries the verdict is that they are too few.
    """

    measure: str
    first: float
    second: float
    difference: float
    low: float
    high: float
    p_value: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Comparison:
    """All measures of two evaluations, over so many queries."""

    queries: int
    differences: tuple[Difference, ...]

    def of(self, measure: str) -> Difference:
        """The difference in one measure."""
        return next(each for each in self.differences if each.measure == measure)


def compare(first: Evaluation, second: Evaluation, *, seed: int = 0) -> Comparison:
    """Compare by a paired bootstrap over queries: `RESAMPLES` of them, the same for each measure.

    Raises:
        EvaluationError: the two are not evaluations of the same queries.
    """
    check_same_queries(first, second)
    found = estimate_means(_table(first.queries) - _table(second.queries), seed=seed)
    n = len(first.queries)
    return Comparison(
        queries=n,
        differences=tuple(
            Difference(
                measure=measure,
                first=getattr(first.overall, measure),
                second=getattr(second.overall, measure),
                difference=float(found.means[place]),
                low=float(found.low[place]),
                high=float(found.high[place]),
                p_value=float(found.p_values[place]),
                verdict=verdict_of(n, float(found.p_values[place])),
            )
            for place, measure in enumerate(MEASURES)
        ),
    )


def verdict_of(queries: int, p_value: float) -> Verdict:
    """Whether a p-value over so many queries is significant."""
    if queries < FEWEST_QUERIES:
        return Verdict.TOO_FEW
    return Verdict.SIGNIFICANT if p_value < 1 - LEVEL else Verdict.NOT_SIGNIFICANT


def check_same_queries(first: Evaluation, second: Evaluation) -> None:
    """EvaluationError unless both have the same queries in the same order."""
    if [score.id for score in first.queries] != [score.id for score in second.queries]:
        raise EvaluationError(
            "The two evaluations are not of the same queries.",
            hint="Evaluate both with the same files.",
        )


def _table(scores: Sequence[QueryScore]) -> Floats:
    """All measures, `(n, len(MEASURES)) float64`."""
    return np.array([[getattr(score, name) for name in MEASURES] for score in scores], np.float64)


def worst_queries(evaluation: Evaluation, most: int) -> list[QueryScore]:
    """Queries by nDCG@10, lowest first; ties by mAP, then in the order of the file."""
    return sorted(evaluation.queries, key=lambda score: (score.ndcg_10, score.map))[:most]


def losses(first: Evaluation, second: Evaluation, most: int) -> list[tuple[QueryScore, QueryScore]]:
    """Queries of which `second` has the lower nDCG@10, the largest loss first."""
    check_same_queries(first, second)
    pairs = [
        pair for pair in zip(first.queries, second.queries) if pair[1].ndcg_10 < pair[0].ndcg_10
    ]
    return sorted(pairs, key=lambda pair: pair[1].ndcg_10 - pair[0].ndcg_10)[:most]
