"""Filters select the same items on both backends, missing values included."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date

import pytest

from search.errors import FilterTypeError, UnknownFieldError
from search.filters import And, Comparison, Filter, Not, Op, Or, extra_name, parse_filter
from search.filters.checking import MAX_DEPTH
from search.store import CollectionSpec, SearchRequest, Store
from tests.contract.catalogue import (
    FIELDS,
    HOSTILE,
    HOSTILE_VALUES,
    MODEL,
    entity,
    fresh_name,
    shop,
    unit_vector,
)

EXPECTED = {
    "id=a": "a",
    "id=a,c,nope": "ac",
    "id!=a": "bcdefgh",
    'title="Item d"': "d",
    "product_id=p1": "abc",
    "product_id!=p1": "",
    "not product_id=p1": "defgh",
    "colour=red": "abf",
    "colour=blue": "c",
    "colour=red,blue": "abcf",
    "colour!=red": "cde",
    "not colour=red": "cdegh",
    "colour!=red,blue": "de",
    "colour:green": "e",
    '"Price (€)"<50': "abe",
    '"Price (€)"<=50': "abce",
    '"Price (€)">20.5': "cd",
    '"Price (€)">=20.5': "bcd",
    '"Price (€)"=99.99': "d",
    '"Price (€)"!=99.99': "abce",
    '"Price (€)":10..50': "abc",
    'not "Price (€)"<50': "cdfgh",
    '"Price (€)"=10,50': "ac",
    "stock=0": "b",
    "stock<0": "c",
    "stock<=0": "bc",
    "stock>6": "def",
    "stock>=7": "def",
    "stock!=0": "acdef",
    "stock=0,12": "bd",
    "stock:-3..5": "abc",
    "not stock>=0": "cgh",
    '"on sale"=true': "ace",
    '"on sale"=false': "bd",
    '"on sale"!=true': "bd",
    '"on sale"!=false': "ace",
    'not "on sale"=true': "bdfgh",
    '"on sale"=true,false': "abcde",
    "added_on=2024-02-29": "b",
    "added_on<2024-01-01": "ce",
    "added_on<=2024-01-01": "ace",
    "added_on>2024-02-28": "bd",
    "added_on:2023-12-31..2024-02-29": "abc",
    "added_on!=2024-02-29": "acde",
    "not added_on<2024-01-01": "abdfgh",
    "added_on=2024-01-01,1999-05-05": "ae",
    "tags:summer": "ac",
    "tags:summer,winter": "abcd",
    "tags:new tags:winter": "d",
    "tags:sum": "",
    "not tags:summer": "bdefgh",
    "colour=red stock>0": "af",
    "colour=green or stock=0": "be",
    "colour=red not (stock=0 or tags:new)": "f",
    "not not colour=red": "abf",
    "not (colour=red or colour=blue)": "degh",
    'colour=""': "",
    "id=nope": "",
    "exists colour": "abcdef",
    "not exists colour": "gh",
    "exists stock": "abcdef",
    'exists "Price (€)"': "abcde",
    'exists "on sale"': "abcde",
    "exists added_on": "abcde",
    "exists tags": "abcde",
    "not exists tags": "fgh",
    "exists product_id": "abc",
    "exists id": "abcdefgh",
    "colour^=b": "c",
    "colour^=B": "d",
    "colour^=re,gr": "abef",
    "not colour^=re": "cdegh",
    'colour^=""': "abcdef",
    'title^="Item "': "abcdefgh",
    'title^="Item %"': "",
    'title^="Ite_"': "",
}

IN_EXTRA = {
    "extra.maker.country=PT": "ab",
    "extra.maker.country!=PT": "c",
    "not extra.maker.country=PT": "cdefgh",
    "extra.maker.country=PT,ES": "abc",
    "exists extra.maker.country": "abc",
    "not exists extra.maker.country": "defgh",
    "exists extra.maker": "",
    "extra.weight=1": "ab",
    "extra.weight<2": "abc",
    "not extra.weight<2": "defgh",
    "extra.weight=true": "d",
    'extra.weight="1"': "e",
    "extra.weight=1,true": "abd",
    "extra.weight!=1": "cde",
    "extra.weight:0..1": "abc",
    "exists extra.weight": "abcde",
    "extra.sizes:38": "ab",
    "extra.sizes:38,40": "abc",
    "extra.sizes:38 extra.sizes:39": "a",
    "extra.sizes.0=38": "a",
    "extra.sizes=38": "b",
    "extra.made>=2024-01-01": "ab",
    "extra.made<2024-01-01": "c",
    "extra.sku^=AB%": "a",
    "extra.sku^=AB_": "b",
    r"extra.a\.b=x": "a",
    "extra.a.b=x": "b",
    "colour=red extra.maker.country=PT": "ab",
    "colour=blue or extra.maker.country=PT": "abc",
    "not (tags:summer or extra.weight=true)": "befgh",
}
EXTRAS: Mapping[str, Mapping[str, object]] = {
    "a": {
        "maker": {"country": "PT"},
        "weight": 1,
        "sizes": [38, 39],
        "made": "2024-05-31",
        "sku": "AB%1",
        "a.b": "x",
    },
    "b": {
        "maker": {"country": "PT"},
        "weight": 1.0,
        "sizes": 38,
        "made": "2024-01-01",
        "sku": "AB_1",
        "a": {"b": "x"},
    },
    "c": {
        "maker": {"country": "ES"},
        "weight": 0.5,
        "sizes": [40.0],
        "made": "1999-12-31",
        "sku": "ABC1",
    },
    "d": {"maker": {"country": None}, "weight": True, "sizes": []},
    "e": {"maker": {"country": ""}, "weight": "1", "made": ""},
    "f": {"maker": None, "weight": {"kg": 1}},
    "g": {"maker": {}, "weight": None},
}


@pytest.fixture(scope="module")
def filled(store: Store) -> Iterator[str]:
    name = fresh_name()
    store.create(CollectionSpec(name, MODEL, FIELDS))
    items = [
        replace(each, item=replace(each.item, extra=EXTRAS.get(each.item.id, {})))
        for each in shop()
    ]
    store.upsert(name, items)
    yield name
    store.drop(name)


@pytest.mark.parametrize("text", [*EXPECTED, *IN_EXTRA])
def test_a_filter_selects(store: Store, filled: str, text: str) -> None:
    request = SearchRequest(unit_vector(0), 20, filter=parse_filter(text, FIELDS))
    found = "".join(sorted(hit.id for hit in store.search(filled, request)))
    assert found == (EXPECTED | IN_EXTRA)[text]


def test_everything_that_takes_a_filter_takes_paths(store: Store, filled: str) -> None:
    filter = parse_filter("extra.maker.country=PT or extra.weight=true", FIELDS)
    assert store.count(filled, filter) == 3
    assert sorted(store.scan_ids(filled, filter)) == ["a", "b", "d"]
    [values] = [batch["colour"] for batch in store.values(filled, ["colour"], filter)]
    assert sorted(map(str, values)) == ["Blue", "red", "red"]
    asked = SearchRequest(unit_vector(0), 20, filter=filter)
    assert {each.id for each in store.candidates(filled, asked)} == {"a", "b", "d"}


def test_paths_are_read_in_flushed_rows_and_fresh_ones(store: Store, collection: str) -> None:
    there = parse_filter("extra.size=38", FIELDS)
    store.upsert(collection, [entity("old", unit_vector(1), extra={"size": 38})])
    store.upsert(collection, [entity("changed", unit_vector(2), extra={"size": 38})])
    store.flush(collection)
    store.upsert(collection, [entity("changed", unit_vector(2), extra={"size": 39})])
    store.upsert(collection, [entity("new", unit_vector(3), extra={"size": 38})])
    assert sorted(store.scan_ids(collection, there)) == ["new", "old"]


def test_count_and_scan_follow_the_filter(store: Store, filled: str) -> None:
    for text in ("colour=red", "not tags:summer", '"Price (€)"<50 stock>0', "id=nope"):
        filter = parse_filter(text, FIELDS)
        assert store.count(filled, filter) == len(EXPECTED.get(text, "ae"))
        assert len(list(store.scan_ids(filled, filter))) == store.count(filled, filter)


def test_filters_of_nothing(store: Store, filled: str) -> None:
    everything = "abcdefgh"
    cases: list[tuple[Filter, str]] = [
        (And(()), everything),
        (Or(()), ""),
        (Not(And(())), ""),
        (Not(Or(())), everything),
        (Comparison("colour", Op.IN, ()), ""),
        (Not(Comparison("colour", Op.IN, ())), everything),
        (Comparison("tags", Op.CONTAINS_ANY, ()), ""),
        (Comparison("tags", Op.CONTAINS_ALL, ()), "abcde"),
        (Comparison("extra.sizes", Op.IN, ()), ""),
        (Comparison("extra.sizes", Op.CONTAINS_ANY, ()), ""),
        (Comparison("extra.sizes", Op.CONTAINS_ALL, ()), "abc"),
        (Comparison("extra.maker.country", Op.EQ, ""), ""),
        (Comparison("colour", Op.EXISTS, False), "gh"),
    ]
    for filter, ids in cases:
        assert "".join(sorted(store.scan_ids(filled, filter))) == ids


def test_values_are_made_to_fit(store: Store, filled: str) -> None:
    assert store.count(filled, Comparison("Price (€)", Op.LT, 50)) == 3
    assert store.count(filled, Comparison("stock", Op.EQ, 12.0)) == 1
    assert store.count(filled, Comparison("added_on", Op.EQ, "2024-02-29")) == 1
    assert store.count(filled, Comparison("added_on", Op.EQ, date(2024, 2, 29))) == 1


def test_filters_that_do_not_fit(store: Store, filled: str) -> None:
    with pytest.raises(UnknownFieldError, match="size"):
        store.count(filled, Comparison("size", Op.EQ, 5))
    with pytest.raises(FilterTypeError, match="stock"):
        store.search(filled, SearchRequest(unit_vector(0), filter=Comparison("stock", Op.EQ, "5")))
    with pytest.raises(FilterTypeError, match="tags"):
        store.scan_ids(filled, Comparison("tags", Op.EQ, "summer"))


def test_hostile_values_match_themselves_alone(store: Store, collection: str) -> None:
    written = [
        entity(
            f"{i}",
            unit_vector(i),
            {"colour": text, "tags": [text]},
            {"text": text, "list": [text], text: 1},
            title=text,
        )
        for i, text in enumerate(HOSTILE_VALUES)
    ]
    store.upsert(collection, written)
    for i, text in enumerate(HOSTILE_VALUES):
        for filter in (
            Comparison("colour", Op.EQ, text),
            Comparison("colour", Op.IN, (text, "nothing else")),
            Comparison("title", Op.EQ, text),
            Comparison("tags", Op.CONTAINS, text),
            Comparison("tags", Op.CONTAINS_ANY, (text, "nothing else")),
            Comparison("tags", Op.CONTAINS_ALL, (text, text)),
            Comparison("colour", Op.PREFIX, text),
            Comparison("extra.text", Op.EQ, text),
            Comparison("extra.text", Op.PREFIX, text),
            Comparison("extra.list", Op.CONTAINS, text),
            Comparison(extra_name([text]), Op.EQ, 1),
        ):
            hits = store.search(collection, SearchRequest(unit_vector(0), filter=filter))
            assert [hit.id for hit in hits] == [f"{i}"], (text, filter)


def test_hostile_ids_in_filters(store: Store, collection: str) -> None:
    store.upsert(collection, [entity(text, unit_vector(i)) for i, text in enumerate(HOSTILE)])
    for text in HOSTILE:
        assert list(store.scan_ids(collection, Comparison("id", Op.EQ, text))) == [text]


def test_long_filters(store: Store, filled: str) -> None:
    several = tuple(f"colour {number}" for number in range(2_000))
    assert store.count(filled, Comparison("colour", Op.IN, (*several, "red"))) == 3
    assert store.count(filled, Comparison("tags", Op.CONTAINS_ANY, (*several, "summer"))) == 2
    assert store.count(filled, Comparison("extra.sku", Op.IN, (*several, "ABC1"))) == 1
    many = Or(tuple(Comparison("colour", Op.EQ, value) for value in (*several[:199], "red")))
    assert store.count(filled, many) == 3


def test_as_deep_as_a_filter_may_be(store: Store, filled: str) -> None:
    filter: Filter = Comparison("colour", Op.EQ, "red")
    for depth in range(MAX_DEPTH):
        filter = Not(filter) if depth % 2 else Or((filter,))
    assert store.count(filled, filter) in (3, 5)


def test_deep_filters(store: Store, filled: str) -> None:
    filter: Filter = Comparison("colour", Op.EQ, "red")
    for depth in range(32):
        doubled = And((filter, Or((filter, Comparison("stock", Op.EQ, 99)))))
        filter = Not(doubled if depth < 4 else filter)
    assert "".join(sorted(store.scan_ids(filled, filter))) == "abf"
