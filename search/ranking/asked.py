"""A query on its way to the store: what it asks, and of which collection."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from search.filters.ast import And, Comparison, Filter, Not, Op
from search.negation import Exclusion
from search.store.base import Candidate, CollectionSpec, SearchRequest, Store
from search.types import MAX_LIMIT, FieldValue, Query

JUDGED_PER_HIT = 3
JUDGED_BESIDE = 32
"""How many candidates are judged at first, so that enough are left that show nothing excluded."""

GROWTH = 4
"""How many times as many are looked at when those were too few."""


@dataclass(frozen=True, slots=True)
class Found:
    """The first candidates of a ranking, in order; `ended` says that the ranking has no more.

    `cut` says that there may be more, beyond what one query can look at.
    """

    candidates: list[Candidate]
    ended: bool
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A query, composed into the one request whose ranking it arranges, and who answers it.

    Of that ranking, what shows something excluded and what scores below `least_score` is no
    candidate.
    """

    query: Query
    request: SearchRequest
    store: Store
    collection: CollectionSpec
    exclusion: Exclusion | None = None
    least_score: float | None = None

    @property
    def plain(self) -> bool:
        """Whether one search answers the query."""
        return self.query.plain and self.selects_all

    @property
    def selects_all(self) -> bool:
        """Whether everything that satisfies the filter is a hit."""
        return self.exclusion is None and self.least_score is None

    @property
    def scope(self) -> Filter | None:
        """The filter that all hits satisfy and nothing else: without what is left out by id."""
        if not self.request.exclude_ids:
            return self.request.filter
        others = Not(Comparison("id", Op.IN, tuple(sorted(self.request.exclude_ids))))
        match self.request.filter:
            case None:
                return others
            case And(operands):
                return And((*operands, others))
        return And((self.request.filter, others))

    def candidates(
        self,
        limit: int,
        fields: Sequence[str] = (),
        *,
        embeddings: bool = False,
        also: Filter | None = None,
    ) -> Found:
        """The first candidates, those that satisfy `also` where it is given; see the store's."""
        judged = self.exclusion is not None
        look = min(JUDGED_PER_HIT * limit + JUDGED_BESIDE, MAX_LIMIT) if judged else limit
        while True:
            seen = self._ranked(look, fields, embeddings or judged, also)
            kept = self._kept(seen)
            ended = len(seen) < look or self._is_below(seen[-1].score)
            if len(kept) >= limit or ended or look == MAX_LIMIT:
                fits = len(kept) <= limit
                return Found(kept[:limit], ended and fits, look == MAX_LIMIT and fits and not ended)
            look = min(GROWTH * look, MAX_LIMIT)

    def _ranked(
        self, limit: int, fields: Sequence[str], embeddings: bool, also: Filter | None
    ) -> list[Candidate]:
        both = [part for part in (self.request.filter, also) if part is not None]
        filter = And(tuple(both)) if len(both) > 1 else both[0] if both else None
        request = replace(self.request, filter=filter, limit=limit, offset=0)
        return self.store.candidates(
            self.collection.name, request, fields=fields, embeddings=embeddings
        )

    def _kept(self, seen: list[Candidate]) -> list[Candidate]:
        """Those that are candidates. Each is judged by itself, so that pages fit together."""
        kept = [each for each in seen if not self._is_below(each.score)]
        if self.exclusion is None or not kept:
            return kept
        shown = self.exclusion.violates(np.stack([each.embedding for each in kept]))
        return [each for each, is_shown in zip(kept, shown.tolist()) if not is_shown]

    def _is_below(self, score: float) -> bool:
        return self.least_score is not None and score < self.least_score

    def values(
        self, fields: Sequence[str], filter: Filter | None
    ) -> Iterator[Mapping[str, list[FieldValue]]]:
        """The values of all items that satisfy the filter, in batches; see the store's."""
        return self.store.values(self.collection.name, fields, filter)
