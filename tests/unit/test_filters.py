"""The written forms of filters, and what they say when they cannot be read."""

from datetime import date, datetime

import pytest

from search.errors import FilterError, FilterSyntaxError, FilterTypeError, UnknownFieldError
from search.filters import (
    And,
    Comparison,
    Filter,
    Not,
    Op,
    Or,
    check_filter,
    filter_from_json,
    filter_to_json,
    format_filter,
    parse_filter,
)
from search.types import Field, FieldType, FieldValue

FIELDS = (
    Field("colour", FieldType.STRING),
    Field("brand", FieldType.STRING),
    Field("price", FieldType.FLOAT),
    Field("stock", FieldType.INTEGER),
    Field("new", FieldType.BOOLEAN),
    Field("added_on", FieldType.DATE),
    Field("tags", FieldType.STRINGS),
    Field("shoe size", FieldType.STRING),
    Field("or", FieldType.STRING),
)


def compare(field: str, op: str, value: object) -> Comparison:
    return Comparison(field, Op(op), value)  # type: ignore[arg-type]


RED = compare("colour", "eq", "red")
NEW = compare("new", "eq", True)
CHEAP = compare("price", "lt", 50.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("colour=red", RED),
        ("  colour = red  ", RED),
        ("colour:red", RED),
        ("colour=red price<50", And((RED, CHEAP))),
        ("colour=red and price<50", And((RED, CHEAP))),
        ("colour=red or new=true", Or((RED, NEW))),
        ("colour=red price<50 or new=yes", Or((And((RED, CHEAP)), NEW))),
        ("colour=red (price<50 or new=true)", And((RED, Or((CHEAP, NEW))))),
        ("not colour=red", Not(RED)),
        ("not not colour=red", RED),
        ("not (colour=red price<50)", Not(And((RED, CHEAP)))),
        ("colour=red,blue", compare("colour", "in", ("red", "blue"))),
        ("colour=red , blue", compare("colour", "in", ("red", "blue"))),
        (
            "colour!=red,blue",
            And((compare("colour", "ne", "red"), compare("colour", "ne", "blue"))),
        ),
        ('brand="Blue Harbour"', compare("brand", "eq", "Blue Harbour")),
        (r'brand="say \"hi\" \\ (now)"', compare("brand", "eq", 'say "hi" \\ (now)')),
        ('"shoe size"=42', compare("shoe size", "eq", "42")),
        ("or=x", compare("or", "eq", "x")),
        ("colour=or", compare("colour", "eq", "or")),
        ("brand=a=b:c<d", compare("brand", "eq", "a=b:c<d")),
        ("brand=2..3", compare("brand", "eq", "2..3")),
        ('brand="=red"', compare("brand", "eq", "=red")),
        ('brand=">5","!b"', compare("brand", "in", (">5", "!b"))),
        ("tags:summer", compare("tags", "contains", "summer")),
        (
            "tags:a,b",
            Or((compare("tags", "contains", "a"), compare("tags", "contains", "b"))),
        ),
        ("price>=10", compare("price", "gte", 10.0)),
        ("stock<=-3", compare("stock", "lte", -3)),
        ("price:10..50", And((compare("price", "gte", 10.0), compare("price", "lte", 50.0)))),
        ("stock:..5", compare("stock", "lte", 5)),
        ("added_on:2024-01-31..", compare("added_on", "gte", date(2024, 1, 31))),
        ("new!=FALSE", compare("new", "ne", False)),
        ("id=a,b", compare("id", "in", ("a", "b"))),
        ('title="A dress"', compare("title", "eq", "A dress")),
    ],
)
def test_the_text_form(text: str, expected: Filter) -> None:
    assert parse_filter(text, FIELDS) == expected
    assert parse_filter(format_filter(expected), FIELDS) == expected


@pytest.mark.parametrize(
    ("text", "position", "said"),
    [
        ("", 0, "empty"),
        ("   ", 3, "empty"),
        ("red", 3, "comparison is expected after"),
        ("colour=", 7, "value is expected"),
        ("colour=red,", 11, "value is expected"),
        ("colour=red or", 13, "field is expected"),
        ("(colour=red", 0, "not closed"),
        ("colour=red)", 10, "not opened"),
        ("()", 1, "field is expected"),
        ('brand="Blue', 6, "quote is not closed"),
        ("price<1,2", 9, "takes one value"),
        ("price:..", 8, "range without ends"),
        ("colour=red =", 11, "field is expected"),
        ("colour==red", 7, "cannot begin with '='"),
        ("colour= =red", 8, "cannot begin with '='"),
        ("colour=!red", 7, "cannot begin with '!'"),
        ("colour<>red", 7, "cannot begin with '>'"),
        ("colour=red,!=blue", 11, "cannot begin with '!='"),
        ("price=<5", 6, "cannot begin with '<'"),
        ("tags:=x", 5, "cannot begin with '='"),
        ("(" * 40 + "colour=red" + ")" * 40, 32, "deep"),
    ],
)
def test_what_the_text_form_cannot_say(text: str, position: int, said: str) -> None:
    with pytest.raises(FilterSyntaxError, match=said) as caught:
        parse_filter(text, FIELDS)
    assert caught.value.details["position"] == position
    assert f"character {position + 1}" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        ({"colour": "red"}, RED),
        ({"colour": "red", "price": {"lt": 50.0}}, And((RED, CHEAP))),
        (
            {"price": {"gte": 10, "lt": 50}},
            And((compare("price", "gte", 10), compare("price", "lt", 50))),
        ),
        ({"brand": {"in": ["A", "B"]}}, compare("brand", "in", ("A", "B"))),
        ({"brand": ["A", "B"]}, compare("brand", "in", ("A", "B"))),
        ({"tags": {"contains": "x"}}, compare("tags", "contains", "x")),
        ({"and": [{"colour": "red"}, {"new": True}]}, And((RED, NEW))),
        ({"or": [{"colour": "red"}, {"new": True}]}, Or((RED, NEW))),
        ({"not": {"colour": "red"}}, Not(RED)),
        ({"or": []}, Or(())),
        ({}, And(())),
    ],
)
def test_the_json_form(obj: object, expected: Filter) -> None:
    assert filter_from_json(obj) == expected
    assert filter_from_json(filter_to_json(expected)) == expected


@pytest.mark.parametrize(
    ("obj", "place"),
    [
        ([], "filter"),
        ("colour=red", "filter"),
        (None, "filter"),
        ({"colour": None}, "filter.colour"),
        ({"colour": {}}, "filter.colour"),
        ({"colour": {"like": "r%"}}, "filter.colour.like"),
        ({"colour": {"eq": ["red"]}}, "filter.colour.eq"),
        ({"colour": {"in": "red"}}, "filter.colour.in"),
        ({"colour": ["red", None]}, "filter.colour[1]"),
        ({"and": {"colour": "red"}}, "filter.and"),
        ({"or": [{"colour": "red"}, 5]}, "filter.or[1]"),
        ({"not": []}, "filter.not"),
    ],
)
def test_what_the_json_form_cannot_say(obj: object, place: str) -> None:
    with pytest.raises(FilterSyntaxError) as caught:
        filter_from_json(obj)
    assert caught.value.details["place"] == place
    assert place in caught.value.message


def test_json_nested_without_end() -> None:
    obj: object = {"colour": "red"}
    for _ in range(2_000):
        obj = {"not": obj}
    with pytest.raises(FilterSyntaxError, match="deep"):
        filter_from_json(obj)


def test_names_that_only_one_form_has() -> None:
    with pytest.raises(FilterSyntaxError, match="'or'"):
        filter_to_json(compare("or", "eq", "x"))
    with pytest.raises(FilterSyntaxError):
        format_filter(And(()))


def test_unknown_fields_are_named_with_the_known_ones() -> None:
    for read in (
        lambda: parse_filter("colr=red", FIELDS),
        lambda: check_filter(filter_from_json({"colr": "red"}), FIELDS),
        lambda: check_filter(Not(Or((compare("colr", "eq", "red"),))), FIELDS),
    ):
        with pytest.raises(UnknownFieldError) as caught:
            read()
        assert "Did you mean 'colour'?" in str(caught.value)
        assert caught.value.details["known"] == [
            "id", "title", "product_id", *(field.name for field in FIELDS)
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "op", "value", "fitted"),
    [
        ("price", "lt", 50, 50.0),
        ("stock", "eq", 3.0, 3),
        ("added_on", "gte", "2024-02-29", date(2024, 2, 29)),
        ("added_on", "eq", date(2024, 2, 29), date(2024, 2, 29)),
        ("price", "in", (1, 2.5), (1.0, 2.5)),
        ("new", "eq", False, False),
        ("tags", "contains", "x", "x"),
    ],
)
def test_values_are_fitted_without_loss(
    field: str, op: str, value: object, fitted: FieldValue
) -> None:
    checked = check_filter(compare(field, op, value), FIELDS)
    assert checked == compare(field, op, fitted)
    assert isinstance(checked, Comparison)
    assert type(checked.value) is type(fitted)


@pytest.mark.parametrize(
    ("field", "op", "value"),
    [
        ("price", "lt", "50"),
        ("price", "lt", True),
        ("price", "lt", float("nan")),
        ("price", "lt", 10**400),
        ("stock", "lt", 3.5),
        ("stock", "eq", True),
        ("stock", "eq", 2**63),
        ("stock", "eq", 10**400),
        pytest.param("stock", "lt", -(10**5000), id="stock-huge"),
        pytest.param("stock", "eq", (10**5000,), id="stock-tuple-of-huge"),
        ("stock", "in", (1, 10**400)),
        ("stock", "eq", float("nan")),
        ("stock", "eq", float("inf")),
        ("new", "eq", 1),
        ("new", "eq", "true"),
        ("new", "lt", True),
        ("added_on", "eq", "31.01.2024"),
        ("added_on", "eq", "2024-02-30"),
        ("added_on", "eq", datetime(2024, 1, 1)),
        ("added_on", "eq", 2024),
        ("colour", "eq", 5),
        ("colour", "lt", "red"),
        ("colour", "eq", "\ud800"),
        ("colour", "contains", "r"),
        ("colour", "in", "red"),
        ("colour", "in", ("red", 5)),
        ("tags", "eq", "summer"),
        ("tags", "in", ("summer",)),
        ("tags", "contains", 5),
    ],
)
def test_values_that_do_not_fit(field: str, op: str, value: object) -> None:
    with pytest.raises(FilterTypeError, match=field) as caught:
        check_filter(compare(field, op, value), FIELDS)
    assert caught.value.hint
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    "text",
    ["price=cheap", "stock=3.5", "stock=" + "9" * 400, "new=maybe", "added_on=2024", "tags=x"],
)
def test_texts_that_do_not_fit(text: str) -> None:
    with pytest.raises(FilterError, match=text.split("=")[0]):
        parse_filter(text, FIELDS)
