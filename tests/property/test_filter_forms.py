"""Both written forms of a filter are read back to the same meaning."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from search.errors import FilterError
from search.filters import (
    Filter,
    check_filter,
    filter_from_json,
    filter_to_json,
    format_filter,
    parse_filter,
)
from tests.property.reference import FIELDS, Row, filters, rows, satisfies

reproducible = settings(derandomize=True, deadline=None, max_examples=150)


@reproducible
@given(filters(), rows())
def test_text_form_round_trip(filter: Filter, catalogue: list[Row]) -> None:
    read = parse_filter(format_filter(filter), FIELDS)
    for row in catalogue:
        assert satisfies(row, read) == satisfies(row, filter), format_filter(filter)


@reproducible
@given(filters())
def test_json_form_round_trip(filter: Filter) -> None:
    text = json.dumps(filter_to_json(filter))
    assert check_filter(filter_from_json(json.loads(text)), FIELDS) == filter


@reproducible
@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_filter(text, FIELDS)
    except FilterError as error:
        assert error.hint


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["and", "or", "not", "in", "eq", "id", "x"]), inner)
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
