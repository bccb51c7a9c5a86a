"""Both written forms of a filter are read back to the same meaning, and hostile ones refused."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search.encoders.base import ModelIdentity
from search.errors import FilterError, FilterSyntaxError
from search.filters import (
    Comparison,
    Filter,
    Op,
    check_filter,
    extra_name,
    filter_from_json,
    filter_to_json,
    format_filter,
    parse_filter,
)
from search.filters.names import extra_keys
from search.store import CollectionSpec, Entity, Store
from search.types import Field, FieldType, Item
from tests.contract.catalogue import fresh_name
from tests.property.reference import FIELDS, Extra, Row, catalogues, satisfying

reproducible = settings(derandomize=True, deadline=None, max_examples=100)
Drawn = tuple[list[tuple[Row, Extra]], list[Filter]]


@reproducible
@given(catalogues())
def test_text_form_round_trip(drawn: Drawn) -> None:
    items, filters = drawn
    for filter in filters:
        try:
            text = format_filter(filter)
        except FilterSyntaxError as error:
            assert "none" in error.message  # "One of none" can only be said in JSON.
            continue
        assert satisfying(items, parse_filter(text, FIELDS)) == satisfying(items, filter), text


@reproducible
@given(catalogues())
def test_json_form_round_trip(drawn: Drawn) -> None:
    for filter in drawn[1]:
        text = json.dumps(filter_to_json(filter))
        assert check_filter(filter_from_json(json.loads(text)), FIELDS) == filter


@reproducible
@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (text, f"extra.{text}", f"exists {text}", f"extra.a={text}"):
        try:
            parse_filter(read, FIELDS)
        except FilterError as error:
            assert error.hint


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["and", "or", "not", *Op, "id", "x", "extra", "extra.a", "extra.."]),
            inner,
        )
    ),
    max_leaves=8,
)


@reproducible
@given(JSON)
def test_any_json_is_read_or_refused(obj: object) -> None:
    try:
        check_filter(filter_from_json(obj), FIELDS)
    except FilterError as error:
        assert error.message


@reproducible
@given(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=4))
def test_keys_of_any_characters_are_named(keys: list[str]) -> None:
    name = extra_name(keys)
    if "][" in name:
        with pytest.raises(FilterSyntaxError, match="cannot read"):
            extra_keys(name)
        return
    assert extra_keys(name) == tuple(keys)
    filter = Comparison(name, Op.EQ, 1)
    assert parse_filter(format_filter(filter), FIELDS) == filter


BREAKING_OUT = st.sampled_from(
    ['"', "'", "\\", "]", "[", "(", ")", " or ", " and ", " == ", "not ", "1", "id", "extra", "%",
     "_", "{", "}", "$meta", "#", "--", ";", "\n", "\r", "\t", "\x00", "\x7f", "é漢😀", ".", ",",
     "true", "null", "json_contains", "like", "in", "\u2028", "\ufeff", "\U0010ffff"]
)  # fmt: skip
HOSTILE = st.lists(BREAKING_OUT, min_size=1, max_size=6).map("".join)


def test_no_text_changes_the_meaning_of_a_filter(store: Store, backend: str) -> None:
    """As a value, in a path, and as the name of a field: it stands for itself, or is refused."""
    name = fresh_name()
    store.create(CollectionSpec(name, ModelIdentity("mini", "f", 4), HOSTILE_FIELDS))
    axis = np.array([1, 0, 0, 0], dtype=np.float32)

    def entity(id: str, text: str, key: str, value: object) -> Entity:
        fields = {HOSTILE_FIELDS[0].name: text, HOSTILE_FIELDS[1].name: [text]}
        return Entity(Item(id, "a.jpg", "", fields=fields, extra={key: value}), axis, "", "")

    @settings(
        derandomize=True,
        deadline=None,
        max_examples=40 if backend == "lite" else 25,
        suppress_health_check=list(HealthCheck),
    )
    @given(HOSTILE)
    def check(text: str) -> None:
        store.upsert(name, [entity("itself", text, text, text), entity("other", "x", "y", "z")])
        ops = [
            Comparison(HOSTILE_FIELDS[0].name, Op.EQ, text),
            Comparison(HOSTILE_FIELDS[0].name, Op.IN, (text, "nothing")),
            Comparison(HOSTILE_FIELDS[0].name, Op.PREFIX, text),
            Comparison(HOSTILE_FIELDS[1].name, Op.CONTAINS, text),
            Comparison(HOSTILE_FIELDS[1].name, Op.CONTAINS_ALL, (text, text)),
        ]
        path = extra_name([text])
        values = [(Op.EQ, text), (Op.IN, (text, 1, True)), (Op.CONTAINS, text), (Op.PREFIX, text)]
        for filter in [*ops, *(Comparison(path, op, value) for op, value in values)]:
            try:
                assert list(store.scan_ids(name, filter)) == ["itself"], filter
            except FilterError:
                assert filter.field == path
                assert "][" in text
        with pytest.raises(FilterError):
            store.count(name, Comparison(f"no {text}", Op.EQ, text))

    check()
    store.drop(name)


HOSTILE_FIELDS = (
    Field("""a"] == 1 or extra['b""", FieldType.STRING),
    Field("%_' or id != '\\", FieldType.STRINGS),
)
