"""Parts of the store that need no database."""

import pytest

from search.errors import ConflictError, InvalidQueryError, UnsupportedError
from search.store import CollectionSpec, SearchRequest
from search.store.base import SERVER_SINCE
from search.store.capabilities import capabilities_of
from search.store.nearest import Ranking, nearest
from search.store.rows import batches
from search.store.schema import Layout, describe, read_layout
from search.types import MAX_LIMIT, Field, FieldType, Query, TextPart
from tests.contract.catalogue import FIELDS, MODEL, towards

QUERY = towards(1.0)


@pytest.mark.parametrize(
    ("version", "embedded", "able"),
    [
        ("milvus_lite-3.2.2", True, set(SERVER_SINCE)),
        ("v2.3.5-lite", False, set()),
        ("v2.4.1", False, {"several_vector_fields", "group_by"}),
        ("2.6.11", False, set(SERVER_SINCE)),
        ("v2.10.0", False, set(SERVER_SINCE)),
        ("v3.0.0", False, set(SERVER_SINCE)),
        ("unknown", False, set()),
    ],
)
def test_capabilities_by_version(version: str, embedded: bool, able: set[str]) -> None:
    can = capabilities_of(version)
    assert can.embedded == embedded
    assert {name for name in SERVER_SINCE if getattr(can, name)} == able
    for name, since in SERVER_SINCE.items():
        if name in able:
            can.require(name)
        else:
            with pytest.raises(UnsupportedError, match=since):
                can.require(name)


def test_a_layout_is_read_back_from_either_place() -> None:
    text = describe(CollectionSpec("p__v1", MODEL, FIELDS))
    expected = Layout(MODEL, FIELDS)
    named = {"collection_name": "p__v1"}
    assert read_layout(named | {"description": text, "properties": {}}) == expected
    kept = {"vitrine.collection": text}
    assert read_layout(named | {"description": "", "properties": kept}) == expected


@pytest.mark.parametrize("text", ["", "a description", "[]", "{}", '{"model": 1}'])
def test_collections_of_others_have_no_layout(text: str) -> None:
    assert read_layout({"collection_name": "x", "description": text}) is None


def test_a_format_of_the_future_is_refused() -> None:
    with pytest.raises(ConflictError, match="format 99"):
        read_layout({"collection_name": "x", "description": '{"vitrine": 99}'})


def test_columns_are_safe_and_distinct() -> None:
    names = ["Colour", "colour", "Größe (cm)", "漢字", "", "a" * 200, "1", "f0_colour"]
    columns = Layout(MODEL, tuple(Field(name, FieldType.STRING) for name in names)).columns
    assert list(columns) == names
    assert len(set(columns.values())) == len(names)
    assert all(c.isascii() and c.isidentifier() and len(c) < 80 for c in columns.values())


def test_batches_keep_order_and_size() -> None:
    rows = [{"id": f"{i}", "text": "x" * 100} for i in range(10)] + [
        {"id": "big", "text": "x" * 999}
    ]
    parts = list(batches(rows, 400))
    assert [row for part in parts for row in part] == rows
    assert [len(part) for part in parts] == [3, 3, 3, 1, 1]
    assert list(batches([], 400)) == []


def test_a_tie_is_fetched_to_its_end() -> None:
    """However the database orders equal scores, and differently each time, pages fit together."""
    everything = [("near", 0.9)] + [(f"{i:04}", 0.5) for i in range(400)] + [("far", 0.1)]
    calls: list[int] = []

    def fetch(limit: int, excluded: object) -> Ranking:
        calls.append(limit)
        turned = [everything[0], *sorted(everything[1:401], reverse=len(calls) % 2 == 0)]
        return [*turned, everything[401]][:limit]

    paged = []
    for offset in range(0, 402, 30):
        paged += nearest(fetch, SearchRequest(QUERY, 30, offset))
    assert paged == everything
    assert max(calls) < 4_000


def test_noise_does_not_order_equal_pictures() -> None:
    found = [("b", 0.50000004), ("a", 0.49999998), ("c", 1.0000002)]
    hits = nearest(lambda limit, excluded: found, SearchRequest(QUERY))
    assert hits == [("c", 1.0), ("a", 0.5), ("b", 0.5)]


@pytest.mark.parametrize(("limit", "offset"), [(0, 0), (1, -1), (MAX_LIMIT, 1), (MAX_LIMIT + 1, 0)])
def test_slices_out_of_range_are_refused_alike_everywhere(limit: int, offset: int) -> None:
    with pytest.raises(InvalidQueryError) as of_the_query:
        Query((TextPart("red"),), limit=limit, offset=offset)
    with pytest.raises(InvalidQueryError) as of_the_store:
        nearest(lambda limit, excluded: [], SearchRequest(QUERY, limit, offset))
    assert str(of_the_query.value) == str(of_the_store.value)
    assert of_the_query.value.details == of_the_store.value.details
    assert of_the_store.value.details == {"limit": limit, "offset": offset}
