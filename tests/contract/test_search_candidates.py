"""Candidates and columns of values: single values for whole items, alike on both backends."""

from datetime import date
from itertools import chain

import numpy as np
import pytest

from search.errors import CollectionNotFoundError, FilterTypeError, UnknownFieldError
from search.filters import And, Comparison, Filter, Not, Op
from search.store import Candidate, SearchRequest, Store
from search.types import FieldValue
from tests.contract.catalogue import HOSTILE, entity, shop, towards, unit_vector
from tests.without_snapshots import without_snapshots

QUERY = towards(1.0)
NAMES = ("id", "title", "product_id", "colour", "Price (€)", "stock", "on sale", "added_on", "tags")
FILTERS: tuple[Filter | None, ...] = (
    None,
    Comparison("colour", Op.EQ, "red"),
    Not(Comparison("colour", Op.EQ, "red")),
    Comparison("tags", Op.CONTAINS, "summer"),
    And((Comparison("Price (€)", Op.LT, 50), Comparison("product_id", Op.IN, ("p1", "p2")))),
    Comparison("colour", Op.EQ, "no such colour"),
)


def read(
    store: Store, collection: str, fields: tuple[str, ...], filter: Filter | None = None
) -> list[tuple[FieldValue, ...]]:
    """All batches as rows, in order of their texts."""
    rows: list[tuple[FieldValue, ...]] = []
    for batch in store.values(collection, fields, filter):
        assert list(batch) == list(dict.fromkeys(fields))
        columns = [batch[name] for name in fields]
        assert len({len(column) for column in columns}) == 1
        rows += zip(*columns, strict=True)
    return sorted(rows, key=repr)


def half_flushed(store: Store, collection: str) -> None:
    """The shop, partly flushed, with items that were replaced and deleted since the flush."""
    items = list(shop())
    wrong = entity("b", fields={"colour": "red", "Price (€)": 1.0})
    store.upsert(collection, [*items[:1], wrong, *items[2:5], entity("gone", fields={"stock": 1})])
    store.flush(collection)
    store.upsert(collection, [items[1], *items[5:]])
    store.delete(collection, ["gone"])


def value_of(store: Store, collection: str, id: str, name: str) -> FieldValue:
    item = store.get(collection, [id])[id]
    of_item = {"id": item.id, "title": item.title or None, "product_id": item.product_id}
    return of_item[name] if name in of_item else item.fields[name]


def test_candidates_are_the_ranking_of_search(store: Store, collection: str) -> None:
    half_flushed(store, collection)
    for filter in FILTERS:
        for limit, offset in ((3, 0), (3, 2), (20, 0)):
            request = SearchRequest(QUERY, limit, offset, filter, frozenset({"e"}))
            expected = [(hit.id, hit.score) for hit in store.search(collection, request)]
            found = store.candidates(collection, request)
            assert [(each.id, each.score) for each in found] == expected
            assert all(each.values == {} and each.embedding.shape == (0,) for each in found)


def test_candidates_have_the_values_that_were_asked_for(store: Store, collection: str) -> None:
    half_flushed(store, collection)
    found = store.candidates(collection, SearchRequest(QUERY, 20), fields=NAMES)
    assert len(found) == len(shop())
    for each in found:
        wanted = {name: value_of(store, collection, each.id, name) for name in NAMES}
        assert dict(each.values) == wanted
    prices = {each.id: each.values["added_on"] for each in found}
    assert prices["a"] == date(2024, 1, 1) and prices["g"] is None


def test_candidates_have_their_embeddings(store: Store, collection: str) -> None:
    store.upsert(collection, [entity(f"{i}", unit_vector(i)) for i in range(30)])
    found = store.candidates(
        collection, SearchRequest(QUERY, 10), fields=("colour",), embeddings=True
    )
    assert len(found) == 10
    for each in found:
        assert each.embedding.dtype == np.float32
        np.testing.assert_allclose(each.embedding, unit_vector(int(each.id)), atol=1e-6)
        assert each.score == pytest.approx(float(each.embedding @ QUERY), abs=2e-6)


def test_ties_are_in_order_of_id_whatever_the_limit(store: Store, collection: str) -> None:
    same = [entity(f"{i:02}", towards(0.5)) for i in range(60)]
    store.upsert(collection, same[30:])
    store.flush(collection)
    store.upsert(collection, same[:30])
    for limit in (1, 7, 30, 59, 60, 200):
        found = store.candidates(collection, SearchRequest(QUERY, limit), embeddings=True)
        assert [each.id for each in found] == [f"{i:02}" for i in range(min(limit, 60))]


def test_values_of_all_that_satisfy_the_filter(store: Store, collection: str) -> None:
    half_flushed(store, collection)
    for filter in FILTERS:
        ids = list(store.scan_ids(collection, filter))
        wanted = [tuple(value_of(store, collection, id, name) for name in NAMES) for id in ids]
        assert read(store, collection, NAMES, filter) == sorted(wanted, key=repr)
        assert store.count(collection, filter) == len(ids)
    store.flush(collection)
    for filter in FILTERS:
        ids = list(store.scan_ids(collection, filter))
        assert [row[0] for row in read(store, collection, ("id", "id"), filter)] == sorted(ids)
        assert store.count(collection, filter) == len(ids)


def test_values_come_in_batches(
    store: Store, collection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.store.reading.SCAN_BATCH", 7)
    store.upsert(collection, [entity(f"{i}", fields={"stock": i}) for i in range(40)])
    store.flush(collection)
    batches = [batch["stock"] for batch in store.values(collection, ["stock"])]
    assert max(map(len, batches)) <= 7
    assert sorted(chain.from_iterable(batches), key=int) == list(range(40))  # type: ignore[arg-type]


def test_hostile_texts_come_back(store: Store, collection: str) -> None:
    store.upsert(collection, [entity(text, fields={"colour": text}) for text in HOSTILE])
    store.flush(collection)
    assert sorted(row for (row,) in read(store, collection, ("colour",))) == sorted(HOSTILE)  # type: ignore[type-var]
    for text in HOSTILE:
        chosen = Comparison("colour", Op.EQ, text)
        assert read(store, collection, ("id", "colour"), chosen) == [(text, text)]
        assert store.count(collection, chosen) == 1


def test_what_does_not_fit_is_refused_before_anything_is_read(store: Store, reused: str) -> None:
    wrong = Comparison("colour", Op.EQ, 5)
    with pytest.raises(UnknownFieldError, match="color"):
        store.values(reused, ["color"])
    with pytest.raises(UnknownFieldError, match="embedding"):
        store.values(reused, ["embedding"])
    with pytest.raises(FilterTypeError):
        store.values(reused, ["colour"], wrong)
    with pytest.raises(UnknownFieldError, match="color"):
        store.candidates(reused, SearchRequest(QUERY), fields=("color",))
    with pytest.raises(FilterTypeError):
        store.candidates(reused, SearchRequest(QUERY, filter=wrong))
    with pytest.raises(CollectionNotFoundError):
        store.values("no_such_collection", ["colour"])


def test_an_empty_collection_has_neither(store: Store, collection: str) -> None:
    assert read(store, collection, ("colour",)) == []
    assert store.candidates(collection, SearchRequest(QUERY)) == []


def test_candidates_compare_by_id_score_and_values() -> None:
    one = Candidate("a", 0.5, {"x": 1}, unit_vector(1))
    assert one == Candidate("a", 0.5, {"x": 1}, unit_vector(2))
    assert one != Candidate("a", 0.5, {"x": 2}, unit_vector(1))


@pytest.mark.parametrize("at_hand", [True, False])
def test_rows_that_wait_for_a_flush_are_read_too(
    store: Store, collection: str, monkeypatch: pytest.MonkeyPatch, at_hand: bool
) -> None:
    """Whether an embedded database's rows are at hand, or Milvus Lite has to be asked."""
    half_flushed(store, collection)
    if not at_hand:
        without_snapshots(monkeypatch)
    for filter in FILTERS:
        ids = [row[0] for row in read(store, collection, ("id", "tags"), filter)]
        assert ids == sorted(store.scan_ids(collection, filter))
        assert store.count(collection, filter) == len(ids)
    assert store.count(collection) == len(shop())
