"""Search: order, scores, pages, exclusion and ties, alike on both backends."""

import numpy as np
import pytest

from search.errors import CollectionNotFoundError, InvalidQueryError
from search.filters import Comparison, Op
from search.store import SearchRequest, Store
from search.types import MAX_LIMIT
from tests.contract.catalogue import entity, towards, unit_vector

QUERY = towards(1.0)
SCORES = (1.0, 0.9, 0.5, 0.1, 0.0, -0.5, -1.0)


def ids(hits: object) -> list[str]:
    return [hit.id for hit in hits]  # type: ignore[attr-defined]


@pytest.fixture
def ladder(store: Store, collection: str) -> str:
    """Items whose cosine similarity to QUERY is in their name."""
    store.upsert(collection, [entity(f"{score}", towards(score)) for score in SCORES])
    return collection


@pytest.fixture
def twins(store: Store, collection: str) -> str:
    """Fifty items of one picture between one that is nearer and one that is not."""
    same = [entity(f"same {i:02}", towards(0.5)) for i in range(50)]
    store.upsert(collection, same[25:])
    store.flush(collection)
    store.upsert(collection, [*same[:25], entity("near", towards(0.9)), entity("z", towards(0.1))])
    return collection


def test_best_first_with_cosine_similarity(store: Store, ladder: str) -> None:
    hits = store.search(ladder, SearchRequest(QUERY))
    assert ids(hits) == [f"{score}" for score in SCORES]
    assert [hit.score for hit in hits] == pytest.approx(SCORES, abs=2e-6)
    assert all(-1 <= hit.score <= 1 for hit in hits)
    assert hits[0].item == store.get(ladder, ["1.0"])["1.0"]


def test_the_query_need_not_be_normalised_exactly(store: Store, ladder: str) -> None:
    hits = store.search(ladder, SearchRequest(QUERY * 3, limit=2))
    assert [hit.score for hit in hits] == pytest.approx([1.0, 0.9], abs=2e-6)


def test_against_numpy(store: Store, collection: str) -> None:
    written = [entity(f"{i:03}", unit_vector(i)) for i in range(300)]
    store.upsert(collection, written)
    store.flush(collection)
    matrix = np.stack([each.embedding for each in written])
    for seed in range(1000, 1005):
        query = unit_vector(seed)
        exact = matrix @ query
        best = np.argsort(-exact, kind="stable")[:20]
        hits = store.search(collection, SearchRequest(query, limit=20))
        assert [hit.score for hit in hits] == pytest.approx(exact[best].tolist(), abs=1e-5)
        assert ids(hits) == [written[i].item.id for i in best]


def test_pages_neither_repeat_nor_skip(store: Store, twins: str) -> None:
    expected = ["near", *(f"same {i:02}" for i in range(50)), "z"]
    for size in (1, 7, 20, 52, 100):
        paged: list[str] = []
        for offset in range(0, 60, size):
            paged += ids(store.search(twins, SearchRequest(QUERY, size, offset)))
        assert paged == expected, size
    assert store.search(twins, SearchRequest(QUERY, 10, 52)) == []
    assert store.search(twins, SearchRequest(QUERY, 10, 5_000)) == []


def test_excluded_items_never_appear_and_leave_no_gap(store: Store, twins: str) -> None:
    out = frozenset({"near", "same 00", "same 03", "not there", 'quo"te'})
    left = [f"same {i:02}" for i in range(50) if i not in (0, 3)] + ["z"]
    for size in (5, 60):
        paged: list[str] = []
        for offset in range(0, 60, size):
            request = SearchRequest(QUERY, size, offset, exclude_ids=out)
            paged += ids(store.search(twins, request))
        assert paged == left
    many = frozenset({*out, *(f"nobody {i}" for i in range(200))})
    assert ids(store.search(twins, SearchRequest(QUERY, 60, exclude_ids=many))) == left
    request = SearchRequest(QUERY, 3, filter=Comparison("id", Op.NE, "same 01"), exclude_ids=out)
    assert ids(store.search(twins, request)) == ["same 02", "same 04", "same 05"]


def test_the_largest_window(store: Store, twins: str) -> None:
    assert len(store.search(twins, SearchRequest(QUERY, MAX_LIMIT))) == 52
    window = SearchRequest(QUERY, 10, MAX_LIMIT - 10, exclude_ids=frozenset({"near"}))
    assert store.search(twins, window) == []


@pytest.mark.parametrize(
    ("limit", "offset"), [(0, 0), (-1, 0), (1, -1), (MAX_LIMIT, 1), (1, 10**9)]
)
def test_windows_out_of_range(store: Store, reused: str, limit: int, offset: int) -> None:
    with pytest.raises(InvalidQueryError):
        store.search(reused, SearchRequest(QUERY, limit, offset))


def test_embeddings_that_are_no_query(store: Store, reused: str) -> None:
    for bad in (unit_vector(1, 9), np.full(8, np.nan, np.float32), np.zeros(8, np.float32)):
        with pytest.raises(InvalidQueryError, match="embedding"):
            store.search(reused, SearchRequest(bad))
    with pytest.raises(CollectionNotFoundError):
        store.search("no_such_collection", SearchRequest(QUERY))


def test_an_empty_collection_has_no_hits(store: Store, collection: str) -> None:
    assert store.search(collection, SearchRequest(QUERY)) == []


def test_what_was_written_is_found_at_once(store: Store, collection: str) -> None:
    for i in range(3):
        store.upsert(collection, [entity(f"new {i}", towards(0.9))])
        assert len(store.search(collection, SearchRequest(QUERY))) == i + 1
    store.upsert(collection, [entity("new 0", towards(-0.9), {"colour": "red"})])
    hits = store.search(collection, SearchRequest(QUERY))
    assert [(hit.id, round(hit.score, 3)) for hit in hits][-1] == ("new 0", -0.9)
    assert hits[-1].item.fields["colour"] == "red"
    store.delete(collection, ["new 1"])
    assert ids(store.search(collection, SearchRequest(QUERY))) == ["new 2", "new 0"]
