"""Filters select the same items on both backends, missing values included."""

from collections.abc import Iterator
from datetime import date

import pytest

from search.errors import FilterTypeError, UnknownFieldError
from search.filters import And, Comparison, Filter, Not, Op, Or, parse_filter
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
}


@pytest.fixture(scope="module")
def filled(store: Store) -> Iterator[str]:
    name = fresh_name()
    store.create(CollectionSpec(name, MODEL, FIELDS))
    store.upsert(name, shop())
    yield name
    store.drop(name)


@pytest.mark.parametrize("text", EXPECTED)
def test_a_filter_selects(store: Store, filled: str, text: str) -> None:
    request = SearchRequest(unit_vector(0), 20, filter=parse_filter(text, FIELDS))
    assert "".join(sorted(hit.id for hit in store.search(filled, request))) == EXPECTED[text]


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
        entity(f"{i}", unit_vector(i), {"colour": text, "tags": [text]}, title=text)
        for i, text in enumerate(HOSTILE_VALUES)
    ]
    store.upsert(collection, written)
    for i, text in enumerate(HOSTILE_VALUES):
        for filter in (
            Comparison("colour", Op.EQ, text),
            Comparison("colour", Op.IN, (text, "nothing else")),
            Comparison("title", Op.EQ, text),
            Comparison("tags", Op.CONTAINS, text),
        ):
            hits = store.search(collection, SearchRequest(unit_vector(0), filter=filter))
            assert [hit.id for hit in hits] == [f"{i}"], (text, filter)


def test_hostile_ids_in_filters(store: Store, collection: str) -> None:
    store.upsert(collection, [entity(text, unit_vector(i)) for i, text in enumerate(HOSTILE)])
    for text in HOSTILE:
        assert list(store.scan_ids(collection, Comparison("id", Op.EQ, text))) == [text]


def test_deep_filters(store: Store, filled: str) -> None:
    filter: Filter = Comparison("colour", Op.EQ, "red")
    for depth in range(32):
        doubled = And((filter, Or((filter, Comparison("stock", Op.EQ, 99)))))
        filter = Not(doubled if depth < 4 else filter)
    assert "".join(sorted(store.scan_ids(filled, filter))) == "abf"
