"""Search by words, alike on every Milvus: what is read, filtered, left out and put together."""

from dataclasses import replace

import pytest

from search.filters import Comparison, Filter, Op
from search.lexical import LexicalIndexes
from search.ranking import asked as asked_module
from search.ranking.asked import Asked
from search.ranking.hits import hits_of
from search.regions import REGION, WHOLE, region_id
from search.store import CollectionSpec, SearchRequest, Store
from search.types import Box, Hit, Mode, Query, TextPart
from tests.contract.catalogue import MODEL, entity, fresh_name, shop, towards

MODES: tuple[Mode, ...] = ("text", "hybrid")


def hits(
    store: Store,
    collection: str,
    words: list[str],
    mode: Mode,
    filter: Filter | None = None,
    without: frozenset[str] = frozenset(),
) -> tuple[Hit, ...]:
    spec = store.resolve(collection)
    ranking = LexicalIndexes(store).index(spec).ranking(words)
    query = Query((TextPart("x"),), filter=filter, mode=mode)
    request = SearchRequest(towards(1.0), 10, 0, filter, without)
    return hits_of(Asked(query, request, store, spec, words=ranking))[0]


def ids(found: tuple[Hit, ...]) -> list[str]:
    return [hit.id for hit in found]


def test_text_fields_and_tags_are_searched_whether_flushed_or_not(
    store: Store, collection: str
) -> None:
    items = list(shop())
    store.upsert(collection, items[:4])
    store.flush(collection)
    store.upsert(collection, items[4:])
    assert set(ids(hits(store, collection, ["red"], "text"))) == {"a", "b", "f"}
    assert set(ids(hits(store, collection, ["summer"], "text"))) == {"a", "c"}
    assert ids(hits(store, collection, ["red", "winter"], "text"))[0] == "b"
    assert ids(hits(store, collection, ["nothing"], "text")) == []


@pytest.mark.parametrize("mode", MODES)
def test_what_is_gone_filtered_or_left_out_is_no_hit(
    store: Store, collection: str, mode: Mode
) -> None:
    store.upsert(collection, list(shop()))
    on_sale = Comparison("on sale", Op.EQ, True)
    assert ids(hits(store, collection, ["red"], mode, on_sale))[0] == "a"
    assert set(ids(hits(store, collection, ["red"], mode, on_sale))) <= {"a", "c", "e"}
    assert "a" not in ids(hits(store, collection, ["red"], mode, without=frozenset({"a"})))
    index = LexicalIndexes(store).index(store.resolve(collection))
    store.delete(collection, ["a"])
    query = Query((TextPart("x"),), mode=mode)
    request = SearchRequest(towards(1.0))
    spec = store.resolve(collection)
    asked = Asked(query, request, store, spec, words=index.ranking(["red"]))
    assert "a" not in ids(hits_of(asked)[0])


def test_a_narrow_filter_finds_what_is_far_down_by_words(
    store: Store, collection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked_module, "WORDS_DEPTH", 2)
    rows = [entity(f"{n:02}", fields={"stock": n}, title="red dress") for n in range(40)]
    store.upsert(collection, rows)
    last = Comparison("stock", Op.GTE, 38)
    assert set(ids(hits(store, collection, ["dress"], "text", last))) == {"38", "39"}


def test_the_words_move_an_item_up_and_its_score_stays_a_cosine(
    store: Store, collection: str
) -> None:
    rows = [entity(f"{n}", towards(0.9 - n / 10), title="skirt") for n in range(6)]
    rows[5] = entity("5", towards(0.4), title="Ducati skirt")
    store.upsert(collection, rows)
    found = hits(store, collection, ["ducati"], "hybrid")
    assert ids(found) == ["5", "0", "1", "2", "3", "4"]
    assert found[0].score == pytest.approx(0.4, abs=2e-6)
    # The spread is 0.9 - 0.4; an item with all the words gets four of them, and two for all.
    assert found[0].fused == pytest.approx(0.4 + 6 * 0.5, abs=1e-5)
    assert [hit.fused for hit in found[1:]] == [hit.score for hit in found[1:]]


@pytest.mark.parametrize("mode", MODES)
def test_an_item_with_regions_is_one_hit(store: Store, mode: Mode) -> None:
    name, box = fresh_name(), Box(0, 0, 0.5, 1)
    store.create(CollectionSpec(name, MODEL, (REGION,)))
    try:
        wholes = [
            entity(str(n), towards(0.5 - n / 10), {REGION.name: WHOLE}, title="red skirt")
            for n in range(3)
        ]
        part = entity(region_id("1", box), towards(0.9), {REGION.name: str(box)}, title="red skirt")
        store.upsert(name, [*wholes, part])
        found = hits(store, name, ["skirt"], mode)
        assert sorted(ids(found)) == ["0", "1", "2"]
    finally:
        store.drop(name)


def test_by_product_the_other_images_need_not_have_the_words(store: Store, collection: str) -> None:
    rows = [
        entity("a", towards(0.5), title="red dress", product_id="p"),
        entity("b", towards(0.9), title="the back", product_id="p"),
        entity("c", towards(0.8), title="blue dress"),
    ]
    store.upsert(collection, rows)
    spec = store.resolve(collection)
    ranking = LexicalIndexes(store).index(spec).ranking(["red"])
    query = replace(Query((TextPart("x"),), mode="text", total=True), by="product")
    asked = Asked(query, SearchRequest(towards(1.0)), store, spec, words=ranking)
    [hit] = hits_of(asked)[0]
    assert (hit.id, [each.id for each in hit.variants]) == ("a", ["b"])
