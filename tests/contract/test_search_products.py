"""Products on both backends: windows that grow, windows that end, and totals that say so."""

from dataclasses import replace

import numpy as np
import pytest

from search.filters import Comparison, Op
from search.negation import Exclusion
from search.ranking import asked as asked_module
from search.ranking import totals, window
from search.ranking.asked import Asked
from search.ranking.hits import hits_of
from search.ranking.totals import total_of
from search.store import CollectionSpec, SearchRequest, Store
from search.types import MAX_VARIANTS, Query, Sort, TextPart
from tests.contract.catalogue import FIELDS, MODEL, entity, towards

QUERY = towards(1.0)
LEAST_OF_MANY = 0.25
"""Between the scores of the images of `shelves` that are many and those that are few."""


def asked(store: Store, collection: str, limit: int, offset: int = 0, **more: object) -> Asked:
    query = Query((TextPart("x"),), limit=limit, offset=offset, by="product", **more)  # type: ignore[arg-type]
    request = SearchRequest(QUERY, limit, offset, query.filter)
    return Asked(query, request, store, CollectionSpec(collection, MODEL, FIELDS))


@pytest.fixture
def shelves(store: Store, collection: str) -> str:
    """A product of sixty images, all nearer than the ten products of one image each."""
    many = [entity(f"many {i:02}", towards(0.9 - i / 100), product_id="many") for i in range(60)]
    few = [entity(f"few {i}", towards(0.2 - i / 100), product_id=f"few {i}") for i in range(10)]
    store.upsert(collection, [*many, *few])
    store.flush(collection)
    return collection


def test_a_product_of_many_images_leaves_room_for_others(store: Store, shelves: str) -> None:
    hits, ranking = hits_of(asked(store, shelves, 4))
    assert [hit.id for hit in hits] == ["many 00", "few 0", "few 1", "few 2"]
    assert hits[0].variant_count == 59
    assert [hit.id for hit in hits[0].variants] == [f"many {i:02}" for i in range(1, 11)]
    assert len(hits[0].variants) == MAX_VARIANTS
    assert ranking is not None and not ranking.cut
    assert total_of(asked(store, shelves, 4, total=True), ranking) == (11, True)


def test_variants_satisfy_the_filter(store: Store, shelves: str) -> None:
    chosen = Comparison("id", Op.IN, ("many 07", "many 30", "few 5"))
    hits, _ = hits_of(asked(store, shelves, 4, filter=chosen))
    assert [(hit.id, hit.variant_count) for hit in hits] == [("many 07", 1), ("few 5", 0)]
    assert [each.id for each in hits[0].variants] == ["many 30"]


def test_a_window_that_ends_says_so(
    store: Store, shelves: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "MAX_LIMIT", 62)
    hits, ranking = hits_of(asked(store, shelves, 4))
    assert [hit.id for hit in hits] == ["many 00", "few 0", "few 1"]
    assert ranking is not None and ranking.cut
    beyond, ranking = hits_of(asked(store, shelves, 4, 4))
    assert beyond == () and ranking is not None and ranking.cut


def test_a_total_that_nobody_counts_is_a_least_one(
    store: Store, shelves: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "MOST_COUNTED", 69)
    question = asked(store, shelves, 4, total=True)
    _, ranking = hits_of(question)
    total, is_exact = total_of(question, ranking)
    assert not is_exact and total is not None and 4 <= total <= 11
    whole = asked(store, shelves, 20, total=True)
    _, ranking = hits_of(whole)
    assert total_of(whole, ranking) == (11, True)


class TheFirst:
    """A test of what is excluded: what comes first, all images of one product."""

    def shown_by(self, embeddings: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        return np.asarray(embeddings[:, 0] > LEAST_OF_MANY)


def without(tests: tuple[TheFirst, ...]) -> Exclusion:
    return Exclusion(np.zeros((0, 2), np.float32), np.zeros(0, np.float32), tests)


def test_more_kept_than_wanted_is_not_the_end_of_what_can_be_looked_at(
    store: Store, shelves: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked_module, "MAX_LIMIT", 62)
    question = replace(asked(store, shelves, 4), exclusion=without(()))
    few, all_ = question.candidates(20), question.candidates(62)
    assert (len(few.candidates), few.ended, few.cut) == (20, False, False)
    assert (len(all_.candidates), all_.ended, all_.cut) == (62, False, True)


def test_a_sorted_query_that_could_not_look_at_enough_claims_no_exact_total(
    store: Store, shelves: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked_module, "MAX_LIMIT", 62)
    question = asked(store, shelves, 4, total=True, sort=(Sort("id"),), relevant=5)
    question = replace(question, exclusion=without((TheFirst(),)))
    hits, ranking = hits_of(question)
    assert [hit.id for hit in hits] == ["few 0", "few 1"]
    assert ranking is not None and ranking.cut
    assert total_of(question, ranking) == (2, False)
