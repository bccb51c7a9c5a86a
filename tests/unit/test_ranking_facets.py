"""Facets count exactly, in ranges that a filter can say."""

import math
import sys
from collections import Counter
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.errors import InvalidQueryError
from search.filters import And, Comparison, Not, Op, Or
from search.ranking.facets import MOST_VALUES, facet_of, without_field
from search.ranking.ranges import MOST_RANGES, number_edges, period_of, range_of
from search.types import Facet, FacetRange, FacetValue, Field, FieldType, FieldValue

RED = Comparison("colour", Op.EQ, "red")
BLUE = Comparison("colour", Op.EQ, "blue")
CHEAP = Comparison("price", Op.LT, 50)


def facet(type_: FieldType, *values: FieldValue, owners: str | None = None) -> Facet:
    return facet_of(Field("x", type_), values, owners)


def test_texts_are_counted_most_frequent_first() -> None:
    found = facet(FieldType.STRING, "b", "a", None, "c", "c", "b")
    counts = [(each.value, each.count) for each in found.values]
    assert counts == [("b", 2), ("c", 2), ("a", 1)]
    assert (found.field, found.distinct, found.missing, found.ranges) == ("x", 3, 1, ())


def test_only_the_most_frequent_values_are_listed() -> None:
    values = [f"{number:03}" for number in range(MOST_VALUES + 5)]
    found = facet(FieldType.STRING, *values, *values[-3:])
    assert len(found.values) == MOST_VALUES
    assert found.distinct == MOST_VALUES + 5
    assert [each.value for each in found.values[:3]] == values[-3:]


def test_lists_are_counted_by_member() -> None:
    found = facet(FieldType.STRINGS, ["a", "b", "a"], ["a"], None, ["c"])
    assert {each.value: each.count for each in found.values} == {"a": 2, "b": 1, "c": 1}
    assert found.missing == 1


def test_booleans() -> None:
    found = facet(FieldType.BOOLEAN, True, False, True, None)
    assert found.values == (FacetValue(True, 2), FacetValue(False, 1))


def test_products_are_counted_once_for_each_value() -> None:
    values = ("red", "red", "blue", None, "red", None)
    found = facet(FieldType.STRING, *values, owners="ppppqr")
    assert found.values == (FacetValue("red", 2), FacetValue("blue", 1))
    assert found.missing == 1
    prices = facet(FieldType.INTEGER, 1, 1, 2, 9, None, owners="pppqr")
    assert [(each.start, each.count) for each in prices.ranges if each.count] == [
        (1, 1),
        (2, 1),
        (9, 1),
    ]


def test_prices_fall_into_ranges_with_round_edges() -> None:
    found = facet(FieldType.FLOAT, 12.5, 19.99, 20.0, 138.0, None)
    assert [(each.start, each.end) for each in found.ranges] == [
        (0.0, 20.0), (20.0, 40.0), (40.0, 60.0), (60.0, 80.0), (80.0, 100.0), (100.0, 120.0),
        (120.0, 140.0),
    ]  # fmt: skip
    assert [each.count for each in found.ranges] == [2, 1, 0, 0, 0, 0, 1]
    assert found.missing == 1


@pytest.mark.parametrize(
    ("values", "edges"),
    [
        ((1, 5), [1, 2, 3, 4, 5, 6]),
        ((3, 3), [3, 4]),
        ((0, 0), [0, 1]),
        ((0, 99), [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]),
        ((0, 100), [0, 20, 40, 60, 80, 100, 120]),
        ((-7, 12), [-10, -5, 0, 5, 10, 15]),
        ((0.0, 1.0), [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2]),
        ((0.1, 0.35), [0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4]),
        ((0, 2_400), [0, 250, 500, 750, 1000, 1250, 1500, 1750, 2000, 2250, 2500]),
    ],
)
def test_edges_are_nice(values: tuple[float, float], edges: list[float]) -> None:
    assert number_edges(*values) == edges


numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1.69e308),
    st.floats(-1000, 1000),
    st.sampled_from([0.1, 0.2, 0.3, 1e300, -1e300, 5e-324, sys.float_info.max, 1e16, 1e16 + 2]),
)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.lists(numbers, min_size=1, max_size=30))
def test_every_number_is_in_the_one_range_that_says_so(values: list[float]) -> None:
    check_ranges(values)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.lists(st.integers(-(2**63) + 1, 2**63 - 1) | st.integers(-30, 30), min_size=1))
def test_every_whole_number_too(values: list[int]) -> None:
    check_ranges(values)
    assert all(isinstance(edge, int) for edge in number_edges(min(values), max(values)))


def check_ranges(values: list[float]) -> None:
    edges = number_edges(min(values), max(values))
    assert 2 <= len(edges) <= MOST_RANGES + 1
    assert all(math.isfinite(edge) for edge in edges)
    assert all(one < other for one, other in pairwise(edges))
    for value in values:
        index = range_of(value, edges)
        assert edges[index] <= value
        assert value < edges[index + 1] or value == sys.float_info.max == edges[-1]


def test_dates_by_month_while_they_lie_within_two_years() -> None:
    found = facet(FieldType.DATE, date(2024, 1, 31), date(2024, 1, 1), date(2025, 12, 31), None)
    assert found.ranges == (
        FacetRange(date(2024, 1, 1), date(2024, 2, 1), 2),
        FacetRange(date(2025, 12, 1), date(2026, 1, 1), 1),
    )
    assert (found.missing, found.distinct) == (1, 3)
    years = facet(FieldType.DATE, date(2024, 1, 31), date(2026, 1, 1))
    assert [each.start for each in years.ranges] == [date(2024, 1, 1), date(2026, 1, 1)]
    assert years.ranges[0].end == date(2025, 1, 1)


@settings(max_examples=200, derandomize=True)
@given(st.dates(max_value=date.max - timedelta(days=1)), st.booleans())
def test_a_day_lies_in_its_period(day: date, months: bool) -> None:
    start, end = period_of(day, months=months)
    assert start <= day < end
    assert (start.day, start.year) == (1, day.year)


@pytest.mark.parametrize("type_", FieldType)
def test_nothing_to_count(type_: FieldType) -> None:
    assert facet(type_) == Facet("x")
    assert facet(type_, None, None) == Facet("x", missing=2)
    assert facet(type_, None, None, owners="pp") == Facet("x", missing=1)


def test_texts_that_are_nearly_all_different_are_refused() -> None:
    with pytest.raises(InvalidQueryError, match="1,500 different values"):
        facet(FieldType.STRING, *map(str, range(1_500)))
    assert facet(FieldType.STRING, *map(str, range(900))).distinct == 900
    often = [str(number % 1_500) for number in range(4_000)]
    assert facet(FieldType.STRING, *often).distinct == 1_500


@settings(max_examples=100, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from("pqr"))))
def test_counts_are_those_of_counting(rows: list[tuple[str | None, str]]) -> None:
    values, owners = [value for value, _ in rows], [owner for _, owner in rows]
    by_item = facet_of(Field("x", FieldType.STRING), values)
    assert {v.value: v.count for v in by_item.values} == Counter(v for v in values if v)
    by_product = facet_of(Field("x", FieldType.STRING), values, owners)
    for each in by_product.values:
        assert each.count == len({owner for value, owner in rows if value == each.value})


@pytest.mark.parametrize(
    ("filter", "left"),
    [
        (None, None),
        (RED, None),
        (CHEAP, CHEAP),
        (And((RED, CHEAP)), And((CHEAP,))),
        (And((RED, BLUE)), None),
        (And((Or((RED, BLUE)), CHEAP)), And((CHEAP,))),
        (Or((RED, BLUE)), None),
        (Not(RED), None),
        (Or((RED, CHEAP)), Or((RED, CHEAP))),
        (And((Or((RED, CHEAP)), BLUE)), And((Or((RED, CHEAP)),))),
    ],
)
def test_a_facet_leaves_out_what_is_asked_of_its_own_field(filter: object, left: object) -> None:
    assert without_field(filter, "colour") == left  # type: ignore[arg-type]
