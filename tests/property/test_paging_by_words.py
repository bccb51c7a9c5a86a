"""All pages of a query by words, put together, are the ranking of one long page, and that is right.

The ranking itself is written anew here from the formula of `search.ranking.fusion`; how it is
arranged is compared with one page that holds everything.
"""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from search.encoders.base import ModelIdentity
from search.filters import And, Comparison, Op
from search.lexical import LexicalIndex, WordRanking
from search.ranking import asked as asked_module
from search.ranking import fusion, window
from search.ranking.asked import Asked
from search.ranking.hits import hits_of
from search.ranking.totals import total_of
from search.store import CollectionSpec, SearchRequest, Store
from search.types import Hit, Query
from tests.property.test_paging import (
    AXIS,
    FIELDS,
    NOTHING_TILTED,
    Row,
    entity,
    random_catalogue,
    random_query,
)

EXAMPLES = {"lite": 50, "server": 15}
WORDS = ("red", "blue", "dress", "shirt", "shirts")
DEPTH, WORDS_DEPTH = 5, 9


@pytest.fixture(scope="module")
def spec(store: Store) -> Iterator[CollectionSpec]:
    spec = CollectionSpec(
        f"worded_{uuid.uuid4().hex[:12]}__v1", ModelIdentity("mini", "f", 4), FIELDS
    )
    store.create(spec)
    yield spec
    store.drop(spec.name)


@pytest.fixture(autouse=True)
def shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catalogues are small here: so that most of them lies beyond the depths."""
    for module in (asked_module, fusion):
        monkeypatch.setattr(module, "DEPTH", DEPTH)
    for module in (asked_module, window):
        monkeypatch.setattr(module, "WORDS_DEPTH", WORDS_DEPTH)


def test_pages_by_words_make_up_one_ranking(
    store: Store, spec: CollectionSpec, backend: str
) -> None:
    run = 0

    @settings(
        derandomize=True,
        deadline=None,
        max_examples=EXAMPLES[backend],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**32))
    def check(seed: int) -> None:
        nonlocal run
        run += 1
        random = Random(seed)
        rows = [replace(row, id=f"{run}-{row.id}") for row in random_catalogue(random)]
        titles = {row.id: " ".join(random.choices(WORDS, k=random.randint(0, 3))) for row in rows}
        query = replace(random_query(random), mode=random.choice(["text", "hybrid"]))
        out = frozenset(row.id for row in random.sample(rows, min(2, len(rows))))
        exclusion = random.choice([None, None, NOTHING_TILTED])
        least = random.choice([None, None, -0.5, 0.5])
        own = Comparison("id", Op.PREFIX, f"{run}-")
        priced = random.random() < 0.5
        filter = And((own, Comparison("price", Op.GTE, 0))) if priced else own
        store.upsert(spec.name, [entity(row, titles[row.id]) for row in rows])
        words = LexicalIndex.of(titles.items()).ranking(random.sample(WORDS, random.randint(1, 2)))
        left = [row for row in rows if not priced or (row.price is not None and row.price >= 0)]
        left = [row for row in left if row.id not in out]
        kept = {row.id for row in left if exclusion is None or not row.is_tilted}
        kept -= {row.id for row in left if least is not None and row.score < least}
        note(f"{query}\n{[(row.id, row.score, titles[row.id]) for row in left]}")

        def page(limit: int, offset: int) -> Asked:
            asked = replace(query, filter=filter, limit=limit, offset=offset)
            request = SearchRequest(AXIS, limit, offset, filter, out)
            return Asked(asked, request, store, spec, exclusion, least, words)

        whole, ranking = hits_of(page(100, 0))
        total, is_exact = total_of(page(100, 0), ranking)
        walked: list[Hit] = []
        for offset in range(0, len(whole) + 2 * query.limit, query.limit):
            walked += hits_of(page(query.limit, offset))[0]
        assert walked == list(whole)
        assert len({hit.id for hit in walked}) == len(walked)
        assert total == len(walked) or (not is_exact and total < len(walked))
        if query.by == "item" and not query.arranges:
            assert [hit.id for hit in walked] == expected(query, left, kept, words)
        store.delete(spec.name, [row.id for row in rows])

    check()


def expected(query: Query, rows: Sequence[Row], kept: set[str], words: WordRanking) -> list[str]:
    """The ids of the whole ranking, by the formula. `rows` satisfy the filter."""
    share = {row.id: words.share(row.id) for row in rows}
    worded = sorted((row for row in rows if share[row.id] > 0), key=lambda r: (-share[r.id], r.id))
    if query.mode == "text":
        values = {row.id: share[row.id] + 0.001 * row.score for row in worded[:WORDS_DEPTH]}
    else:
        ranked = sorted(
            (row for row in rows if row.id in kept), key=lambda row: (-row.score, row.id)
        )
        near = ranked[:DEPTH]
        spread = max(near[0].score - near[-1].score, 0.01) if near else 0.01
        values = {row.id: row.score for row in ranked}
        for row in [*near, *worded[:DEPTH]]:
            added = 4 * share[row.id] ** 2 + 2 * words.has_all(row.id)
            values[row.id] = row.score + spread * added
    return sorted((id for id in values if id in kept), key=lambda id: (-round(values[id], 6), id))
