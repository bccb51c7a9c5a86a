"""Items: written whole, read back as they were, replaced, deleted, listed."""

from datetime import date, datetime
from typing import Any

import numpy as np
import pytest

from search.errors import ItemInvalidError
from search.store import Entity, Hashes, SearchRequest, Store, reading, rows
from search.types import FieldValue, Item
from tests.contract.catalogue import (
    FIELDS,
    HOSTILE,
    HOSTILE_VALUES,
    entity,
    shop,
    unit_vector,
)

EXTRA: dict[str, object] = {
    "nested": {"list": [1, 2.5, None, True, "é"], "empty": {}, "float": 1.0},
    "": "empty key",
    "quotes '\"\\": "\n\t😀",
    "big": 2**62,
    "null": None,
}


def test_an_item_comes_back_as_it_was(store: Store, collection: str) -> None:
    full: dict[str, FieldValue] = {
        "colour": "navy blue",
        "Price (€)": 0.1,
        "stock": -(2**63) + 1,
        "on sale": False,
        "added_on": date(1, 1, 1),
        "tags": ["b", "a", "b", ""],
    }
    written = entity("a", fields=full, extra=EXTRA, title="A title", product_id="p")
    store.upsert(collection, [written])
    assert store.get(collection, ["a"]) == {"a": written.item}
    assert store.hashes(collection, ["a"]) == {"a": Hashes(written.image_hash, written.row_hash)}
    ids, vectors = store.embeddings(collection, ["a"])
    assert ids == ["a"]
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, [written.embedding], atol=1e-7)


def test_missing_values_come_back_as_none(store: Store, collection: str) -> None:
    empty: dict[str, FieldValue] = {"colour": "", "tags": []}
    store.upsert(collection, [entity("a"), entity("b", fields=empty)])
    for item in store.get(collection, ["a", "b"]).values():
        assert item.fields == {field.name: None for field in FIELDS}
        assert (item.title, item.product_id, item.extra) == ("", None, {})


def test_hostile_texts_as_ids_and_values(store: Store, collection: str) -> None:
    written = [
        entity(f"{i}", fields={"colour": text, "tags": [text]}, extra={text: text}, title=text)
        for i, text in enumerate(HOSTILE_VALUES)
    ]
    written += [entity(text, unit_vector(i)) for i, text in enumerate(HOSTILE)]
    store.upsert(collection, written)
    ids = [each.item.id for each in written]
    stored = store.get(collection, ids)
    assert len(stored) == len(written) == store.count(collection)
    for each in written:
        item = stored[each.item.id]
        assert (item.title, item.extra) == (each.item.title, each.item.extra)
        assert item.fields["colour"] == each.item.fields.get("colour")
    assert sorted(store.scan_ids(collection)) == sorted(ids)
    assert store.embeddings(collection, ids)[0] == ids
    for text in HOSTILE:
        assert store.delete(collection, [text]) == 1
    assert set(store.scan_ids(collection)) == {f"{i}" for i in range(len(HOSTILE_VALUES))}


def test_an_upsert_leaves_nothing_of_the_old_row(store: Store, collection: str) -> None:
    [old] = [each for each in shop() if each.item.id == "a"]
    store.upsert(collection, [Entity(old.item, old.embedding, "i1", "r1")])
    new = Entity(Item("a", "other.jpg", extra={"z": 1}), unit_vector(99), "i2", "r2")
    store.upsert(collection, [new])
    stored = store.get(collection, ["a"])["a"]
    assert stored == Item("a", "other.jpg", "", None, dict.fromkeys(old.item.fields), {"z": 1})
    assert store.hashes(collection, ["a"]) == {"a": Hashes("i2", "r2")}
    assert store.count(collection) == 1
    np.testing.assert_allclose(store.embeddings(collection, ["a"])[1][0], new.embedding, atol=1e-7)


def test_upserts_before_and_after_a_flush_are_counted_once(store: Store, collection: str) -> None:
    for _ in range(2):
        store.upsert(collection, shop())
        store.flush(collection)
        assert store.count(collection) == len(shop())
        assert len(list(store.scan_ids(collection))) == len(shop())


def test_delete_says_how_many_there_were(store: Store, collection: str) -> None:
    store.upsert(collection, shop())
    assert store.delete(collection, ["a", "b", "a", "not there", ""]) == 2
    assert store.delete(collection, ["a"]) == 0
    assert store.delete(collection, []) == 0
    assert store.get(collection, ["a", "c"]).keys() == {"c"}
    assert store.count(collection) == 6
    store.upsert(collection, [entity("a")])
    assert store.count(collection) == 7


def test_what_is_deleted_is_gone_at_once(store: Store, second: str) -> None:
    """Told once and in a collection of its own: the shared one is emptied by the same method."""
    ids = [f"item {i}" for i in range(40)]
    store.upsert(second, [entity(id, unit_vector(i)) for i, id in enumerate(ids)])
    assert store.delete(second, ids[:30]) == 30
    assert store.count(second) == 10
    assert sorted(store.scan_ids(second)) == sorted(ids[30:])
    assert store.get(second, ids).keys() == set(ids[30:])
    assert {hit.id for hit in store.search(second, SearchRequest(unit_vector(0), 40))} == {
        *ids[30:]
    }
    assert store.delete(second, ids[30:]) == 10
    assert (store.count(second), list(store.scan_ids(second))) == (0, [])


def test_reads_of_many_and_of_none(
    store: Store, collection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "IDS_PER_CALL", 3)
    store.upsert(collection, shop())
    ids, vectors = store.embeddings(collection, ["h", "gone", "a", "", "c", "a"])
    assert ids == ["h", "a", "c"]
    by_id = {each.item.id: each.embedding for each in shop()}
    np.testing.assert_allclose(vectors, [by_id[id] for id in ids], atol=1e-7)
    nothing, none = store.embeddings(collection, [])
    assert (nothing, none.shape, none.dtype) == ([], (0, 8), np.float32)
    assert store.get(collection, []) == {}
    assert store.hashes(collection, ["gone"]) == {}
    assert store.delete(collection, [each.item.id for each in shop()]) == len(shop())


def test_scan_goes_through_pages(
    store: Store, collection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "SCAN_BATCH", 7)
    written = [entity(f"item {i}", unit_vector(i)) for i in range(0, 60)]
    store.upsert(collection, written[:30])
    store.flush(collection)
    store.upsert(collection, written[20:])
    scanned = list(store.scan_ids(collection))
    assert len(scanned) == len(set(scanned)) == 60
    assert set(scanned) == {each.item.id for each in written}


def test_a_large_write_is_split(
    store: Store, collection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = iter([20_000])
    split = rows.batches
    monkeypatch.setattr(rows, "batches", lambda all_rows, limit=None: split(all_rows, next(limits)))
    written = [entity(f"{i}", unit_vector(i), title="x" * 3_000) for i in range(20)]
    store.upsert(collection, written)
    assert store.count(collection) == 20


INVALID: dict[str, dict[str, Any]] = {
    "no id": {"id": ""},
    "control character": {"id": "a\nb"},
    "id of 513 bytes": {"id": "é" * 256 + "x"},
    "half a character": {"title": "\ud800"},
    "title of 65,536 bytes": {"title": "é" * 32_768},
    "wrong dim": {"embedding": unit_vector(1, 9)},
    "NaN": {"embedding": np.full(8, np.nan, np.float32)},
    "zero": {"embedding": np.zeros(8, np.float32)},
    "not normalised": {"embedding": unit_vector(1) * 1.1},
    "text for a number": {"fields": {"stock": "5"}},
    "boolean for a number": {"fields": {"stock": True}},
    "number for a text": {"fields": {"colour": 5}},
    "too big": {"fields": {"stock": 2**63}},
    "the number for missing": {"fields": {"stock": -(2**63)}},
    "infinite": {"fields": {"Price (€)": float("inf")}},
    "NaN price": {"fields": {"Price (€)": float("nan")}},
    "timestamp for a date": {"fields": {"added_on": datetime(2024, 1, 1)}},
    "list of numbers": {"fields": {"tags": [1]}},
    "list too long": {"fields": {"tags": ["x"] * 1_025}},
    "unknown field": {"fields": {"size": 5}},
    "extra of 65,537 bytes": {"extra": {"k": "x" * 65_530}},
    "extra NaN": {"extra": {"k": float("nan")}},
    "extra date": {"extra": {"k": date(2024, 1, 1)}},
    "extra key": {"extra": {"k": {1: 2}}},
    "extra integer": {"extra": {"k": [2**70]}},
}


@pytest.mark.parametrize("case", INVALID)
def test_what_cannot_be_stored_is_named_and_nothing_is_written(
    store: Store, reused: str, case: str
) -> None:
    bad = entity(**({"id": "the bad one"} | INVALID[case]))
    before = store.count(reused)
    with pytest.raises(ItemInvalidError) as caught:
        store.upsert(reused, [entity(f"good before {case}"), bad])
    assert caught.value.details["id"] == bad.item.id
    assert caught.value.hint
    assert store.get(reused, [f"good before {case}"]) == {}
    assert store.count(reused) == before


def test_an_id_twice_in_one_write_is_refused(store: Store, collection: str) -> None:
    with pytest.raises(ItemInvalidError, match="twice"):
        store.upsert(collection, [entity("a"), entity("b"), entity("a", unit_vector(3))])
    assert store.count(collection) == 0


def test_the_largest_values_that_are_allowed(store: Store, collection: str) -> None:
    largest = entity(
        "é" * 256,
        fields={"stock": 2**63 - 1, "Price (€)": 1.797e308, "colour": "é" * 32_767},
        extra={"k": "x" * 65_000},
        title="漢" * 21_845,
    )
    store.upsert(collection, [largest])
    stored = store.get(collection, [largest.item.id])[largest.item.id]
    assert (stored.title, stored.extra) == (largest.item.title, largest.item.extra)
    assert {k: v for k, v in stored.fields.items() if v is not None} == largest.item.fields


def test_items_come_in_the_order_asked(store: Store, collection: str) -> None:
    store.upsert(collection, [entity(f"{n:03}") for n in range(80)])
    for count in (7, 80):  # A few are read otherwise than many.
        ids = [f"{n * 37 % 80:03}" for n in range(count)]
        assert list(store.get(collection, [*ids, "not there", ids[0]])) == ids
