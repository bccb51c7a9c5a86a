"""A query on its way to the store: what it asks, and of which collection."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from search.filters.ast import And, Comparison, Filter, Not, Op
from search.lexical import WordRanking
from search.negation import Exclusion
from search.ranking.fusion import DEPTH, WORDS_DEPTH, by_share, fused
from search.regions import REGION, WHOLES, has_regions, item_id, names_regions
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
    candidate; and of several regions of one picture, only the best is. With `words` the ranking is
    by them too, or by them alone, as the query's mode says. `second_stage` lifts the first of the
    relevant set to other places.
    """

    query: Query
    request: SearchRequest
    store: Store
    collection: CollectionSpec
    exclusion: Exclusion | None = None
    least_score: float | None = None
    words: WordRanking | None = None
    second_stage: Callable[[Sequence[Candidate]], list[Candidate]] | None = None

    @property
    def plain(self) -> bool:
        """Whether one search answers the query."""
        return self.query.plain and self.selects_all and not self.has_regions and self.words is None

    @property
    def selects_all(self) -> bool:
        """Whether everything that satisfies the filter is a hit."""
        asks_for_regions = self.has_regions and names_regions(self.request.filter)
        by_score = self.exclusion is None and self.least_score is None
        return by_score and self.query.mode != "text" and not asks_for_regions

    @property
    def has_regions(self) -> bool:
        """Whether items are found by their best region."""
        return has_regions(self.collection.fields)

    @property
    def scope(self) -> Filter | None:
        """The filter that all hits satisfy and nothing else: without what is left out by id.

        Where there are regions it leaves each item once, unless the query's own filter asks for
        regions.
        """
        asked = self.request.filter
        conditions: list[Filter] = []
        if self.request.exclude_ids:
            conditions.append(Not(Comparison("id", Op.IN, tuple(sorted(self.request.exclude_ids)))))
        if self.has_regions and not names_regions(asked):
            conditions.append(WHOLES)
        given = asked.operands if isinstance(asked, And) else () if asked is None else (asked,)
        if not conditions:
            return asked
        both = (*given, *conditions)
        return And(both) if len(both) > 1 else both[0]

    def candidates(
        self,
        limit: int,
        fields: Sequence[str] = (),
        *,
        embeddings: bool = False,
        also: Filter | None = None,
    ) -> Found:
        """The first candidates, those that satisfy `also` where it is given; see the store's.

        With `also` they are in order of their scores, whatever the query's mode.
        """
        if self.words is None or also is not None:
            return self._by_score(limit, fields, embeddings, also)
        if self.query.mode == "text":
            named, more = self._by_words(self.words, WORDS_DEPTH, fields, embeddings)
            ranking = by_share(named, self.words)
            fits = len(ranking) <= limit
            return Found(ranking[:limit], fits and not more, fits and more)
        named, _ = self._by_words(self.words, DEPTH, fields, embeddings)
        seen = self._by_score(max(limit, DEPTH), fields, embeddings, None)
        ranking = fused(seen.candidates, named, self.words)
        ranking = self._folded(ranking) if self.has_regions else ranking
        fits = len(ranking) <= limit
        return Found(ranking[:limit], seen.ended and fits, seen.cut and fits)

    def _by_words(
        self, words: WordRanking, depth: int, fields: Sequence[str], embeddings: bool
    ) -> tuple[list[Candidate], bool]:
        """The candidates among the first `depth` by words, and whether there are more by words."""
        ids = self._allowed(words, depth + 1)
        chosen = Comparison("id", Op.IN, tuple(ids[:depth]))
        fields = [*fields, REGION.name] if self.has_regions else fields
        judged = self.exclusion is not None
        found = self._ranked(depth, fields, embeddings or judged, chosen) if ids else []
        return self._kept(found), len(ids) > depth

    def _allowed(self, words: WordRanking, most: int) -> list[str]:
        """The first ids by words that satisfy the filter and are not left out."""
        named = (id for id in words.ids() if id not in self.request.exclude_ids)
        if self.request.filter is None:
            return list(islice(named, most))
        # Of a wide filter enough are among the first; a narrow one has few ids itself.
        first = list(islice(named, GROWTH * most))
        among = And((self.request.filter, Comparison("id", Op.IN, tuple(first))))
        allowed = set(self.store.scan_ids(self.collection.name, among)) if first else set()
        rest = list(named) if len(allowed) < most else []
        if rest:
            allowed = set(self.store.scan_ids(self.collection.name, self.request.filter))
        return [id for id in (*first, *rest) if id in allowed][:most]

    def _by_score(
        self, limit: int, fields: Sequence[str], embeddings: bool, also: Filter | None
    ) -> Found:
        judged, folded = self.exclusion is not None, self.has_regions
        look = limit
        if judged or folded:
            look = min(JUDGED_PER_HIT * limit + JUDGED_BESIDE, MAX_LIMIT)
        if folded:
            fields = list(dict.fromkeys([*fields, REGION.name]))
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
        if self.exclusion is not None and kept:
            shown = self.exclusion.violates(np.stack([each.embedding for each in kept]))
            kept = [each for each, is_shown in zip(kept, shown.tolist()) if not is_shown]
        return self._folded(kept) if self.has_regions else kept

    def _folded(self, ranked: Sequence[Candidate]) -> list[Candidate]:
        """The best region of each item, without those of items that are left out by id."""
        best: dict[str, Candidate] = {}
        for each in ranked:
            best.setdefault(item_id(each.id, each.values[REGION.name]), each)
        return [each for id, each in best.items() if id not in self.request.exclude_ids]

    def _is_below(self, score: float) -> bool:
        return self.least_score is not None and score < self.least_score

    def values(
        self, fields: Sequence[str], filter: Filter | None
    ) -> Iterator[Mapping[str, list[FieldValue]]]:
        """The values of all items that satisfy the filter, in batches; see the store's."""
        return self.store.values(self.collection.name, fields, filter)
