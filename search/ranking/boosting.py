"""Boosts: what the catalogue says of an item (popular, in stock), added to its score."""

import math
from collections.abc import Sequence

from search.store.base import Candidate
from search.types import Boost


def boosted(
    candidates: Sequence[Candidate], boosts: Sequence[Boost]
) -> list[tuple[Candidate, float]]:
    """The candidates with what the boosts add, in order of the sums, ties by id.

    The formula is that of `search.types.Boost`; several boosts are added up.
    """
    added = [0.0] * len(candidates)
    for boost in boosts:
        sizes = [_size(candidate.values[boost.field]) for candidate in candidates]
        largest = max(sizes, default=0.0)
        if largest:
            added = [sum_ + boost.weight * size / largest for sum_, size in zip(added, sizes)]
    ranking = zip(candidates, added)
    return sorted(ranking, key=lambda each: (-(each[0].ranked_by + each[1]), each[0].id))


def _size(value: object) -> float:
    """1 for true, log1p of a number; 0 for what is missing, false or negative."""
    if isinstance(value, bool):
        return float(value)
    return math.log1p(max(value, 0)) if isinstance(value, int | float) else 0.0
