"""How good the answers are in each slice, and which slices lag behind."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.evaluation.bootstrap import LEVEL, Floats, estimate_means
from search.evaluation.comparison import Verdict, check_same_queries, verdict_of
from search.evaluation.measuring import Evaluation
from search.evaluation.permutation import lag_p_values
from search.evaluation.slices import Slice

FEWEST_OF_SLICE = 10
"""Slices of fewer queries are not judged, and do not count where others are corrected."""


@dataclass(frozen=True, slots=True)
class SliceScore:
    """The mean nDCG@10 of a slice with its interval, and that of all other queries (`rest`).

    `p_value`: how likely a slice so far below the rest is by chance (permutation test, one-sided,
    after Holm over all slices that were measured together). It `lags` if that is below 0.05.
    `rest` is None for a slice of all queries. The interval is of the slice by itself, and has no
    width where all its queries score the same.
    """

    column: str
    value: str
    queries: int
    ndcg_10: float
    low: float
    high: float
    rest: float | None
    p_value: float
    lags: bool


@dataclass(frozen=True, slots=True)
class SliceDifference:
    """A slice in two evaluations: nDCG@10 of `first - second`, paired.

    `p_value` and `verdict` are after Holm over all slices; the interval is of the slice by itself,
    and so may leave out 0 where the verdict is that the difference is not significant.
    """

    first: SliceScore
    second: SliceScore
    difference: float
    low: float
    high: float
    p_value: float
    verdict: Verdict


def measure_slices(
    slices: Sequence[Slice], evaluation: Evaluation, *, seed: int = 0
) -> tuple[SliceScore, ...]:
    """Measure the slices of at least `FEWEST_OF_SLICE` queries, in the order given."""
    judged = _judged(slices)
    if not judged:
        return ()
    places = {score.id: place for place, score in enumerate(evaluation.queries)}
    members = np.zeros((len(places), len(judged)), np.bool_)
    for number, each in enumerate(judged):
        members[[places[id] for id in each.queries], number] = True
    values = np.array([score.ndcg_10 for score in evaluation.queries])
    p_values = holm(lag_p_values(values, members, seed=seed))
    return tuple(
        _score(each, values, members[:, number], float(p_values[number]), seed)
        for number, each in enumerate(judged)
    )


def _score(
    slice_: Slice, values: Floats, inside: NDArray[np.bool_], p_value: float, seed: int
) -> SliceScore:
    found = estimate_means(values[inside, None], seed=seed)
    return SliceScore(
        column=slice_.column,
        value=slice_.value,
        queries=len(slice_.queries),
        ndcg_10=float(found.means[0]),
        low=max(float(found.low[0]), 0.0),
        high=float(found.high[0]),
        rest=None if inside.all() else float(values[~inside].mean()),
        p_value=p_value,
        lags=p_value < 1 - LEVEL,
    )


def compare_slices(
    slices: Sequence[Slice], first: Evaluation, second: Evaluation, *, seed: int = 0
) -> tuple[SliceDifference, ...]:
    """Compare two evaluations of the same queries in each slice, in the order given.

    Raises:
        EvaluationError: the two are not evaluations of the same queries.
    """
    check_same_queries(first, second)
    pairs = zip(first.queries, second.queries)
    gaps = {one.id: one.ndcg_10 - other.ndcg_10 for one, other in pairs}
    judged = _judged(slices)
    found = [
        estimate_means(np.array([[gaps[id]] for id in each.queries]), seed=seed) for each in judged
    ]
    p_values = holm(np.array([one.p_values[0] for one in found]))
    scores = zip(
        measure_slices(judged, first, seed=seed), measure_slices(judged, second, seed=seed)
    )
    return tuple(
        SliceDifference(
            first=one,
            second=other,
            difference=float(gap.means[0]),
            low=float(gap.low[0]),
            high=float(gap.high[0]),
            p_value=float(p_value),
            verdict=verdict_of(one.queries, float(p_value)),
        )
        for (one, other), gap, p_value in zip(scores, found, p_values)
    )


def holm(p_values: Floats) -> Floats:
    """P-values corrected for their number (S. Holm, 1979): below 0.05 once, in all of them."""
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    corrected = np.empty_like(p_values)
    corrected[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1.0)
    return corrected


def _judged(slices: Sequence[Slice]) -> list[Slice]:
    return [each for each in slices if len(each.queries) >= FEWEST_OF_SLICE]
