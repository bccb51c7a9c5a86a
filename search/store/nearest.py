"""Turning what Milvus finds into a ranking that can be paged.

Of items with equal scores Milvus returns any, and other ones for another limit. Items with the
same picture have equal scores, so that pages would repeat and skip them. So the store fetches
until the score falls after the last item it needs, and cuts the pages itself.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from search.errors import InvalidQueryError
from search.store.base import SearchRequest
from search.types import MAX_LIMIT, check_range

DECIMALS = 6
"""Scores are rounded so far: the noise of float32 sums would order equal pictures by chance."""

_SPARE = 16
_FEW_EXCLUDED = 100

Ranking = list[tuple[str, float]]
Fetch = Callable[[int, Sequence[str]], Ranking]
"""`fetch(limit, excluded)`: at most `limit` ids and inner products, best first, none excluded."""


def nearest(fetch: Fetch, request: SearchRequest) -> Ranking:
    """Ids and scores of the page that is asked for, best first, equal scores by id.

    Raises InvalidQueryError for a limit or offset that Milvus cannot serve.
    """
    check_range(request.limit, request.offset)
    wanted = request.offset + request.limit
    # A few excluded ids are quicker to skip than to filter by.
    skipped = request.exclude_ids
    if len(skipped) > _FEW_EXCLUDED or wanted + len(skipped) > MAX_LIMIT:
        skipped = frozenset()
    filtered = [] if skipped else sorted(request.exclude_ids)
    spare = len(skipped) + _SPARE
    while True:
        limit = min(wanted + spare, MAX_LIMIT)
        found = fetch(limit, filtered)
        ranking = _ordered([hit for hit in found if hit[0] not in skipped])
        if len(found) < limit or limit == MAX_LIMIT or _decided(ranking, wanted):
            return ranking[request.offset : wanted]
        spare *= 8


def unit(embedding: NDArray[np.float32], dim: int) -> NDArray[np.float32]:
    """The embedding with norm 1; InvalidQueryError if it has another dim or no direction."""
    vector = np.asarray(embedding, dtype=np.float32)
    norm = float(np.linalg.norm(vector))
    if vector.shape != (dim,) or not np.isfinite(norm) or norm == 0:
        raise InvalidQueryError(
            f"The query's embedding has shape {vector.shape} and norm {norm:.4g}.",
            hint=f"The collection wants shape ({dim},), finite values and not all zero.",
        )
    return np.asarray(vector / norm, dtype=np.float32)


def _ordered(found: Ranking) -> Ranking:
    scored = [(id, round(min(1.0, max(-1.0, score)), DECIMALS)) for id, score in found]
    return sorted(scored, key=lambda hit: (-hit[1], hit[0]))


def _decided(ranking: Ranking, wanted: int) -> bool:
    """Whether nothing that was not fetched can belong among the first `wanted`."""
    return len(ranking) > wanted and ranking[wanted - 1][1] > ranking[-1][1]
