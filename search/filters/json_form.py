"""The JSON form of filters, as programs write them.

    {"colour": "red", "price": {"gte": 10, "lt": 50}}     all keys hold
    {"brand": {"in": ["A", "B"]}}  or  {"brand": ["A", "B"]}
    {"tags": {"contains": "summer"}}, {"kind": {"ne": "dress"}}, {"title": {"prefix": "Red"}}
    {"tags": {"contains_all": ["a", "b"]}}, {"tags": {"contains_any": ["a", "b"]}}
    {"price": {"exists": false}}, {"extra.maker.country": "PT"}
    {"and": [...]}, {"or": [...]}, {"not": {...}}

A column that is itself called `and`, `or` or `not` can only be named in the text form. What each
means is in docs/filters.md.
"""

import difflib
from collections.abc import Mapping
from datetime import date

from search.errors import FilterSyntaxError
from search.filters.ast import LIST_OPS, And, Comparison, Filter, FilterValue, Not, Op, Or

MAX_DEPTH = 32
"""How deep filters may be nested: deeper ones are no one's intention."""

_CONNECTIVES = ("and", "or", "not")
_OPS = ", ".join(op.value for op in Op)
_OTHERS = {
    "ge": "gte",
    "le": "lte",
    "startswith": "prefix",
    "starts_with": "prefix",
    "any": "contains_any",
    "all": "contains_all",
    "has": "contains",
    "=": "eq",
    "!=": "ne",
    "<": "lt",
    "<=": "lte",
    ">": "gt",
    ">=": "gte",
}
"""What comparisons are called elsewhere."""


def filter_from_json(obj: object) -> Filter:
    """Read the JSON form, whose place in the input an error names; FilterSyntaxError if it is none.

    The types of the values are checked later, by `check_filter`, which knows the fields. An empty
    object holds for every item.
    """
    return _filter(obj, "filter", 0)


def filter_to_json(filter: Filter) -> object:
    """The JSON form of a filter: `filter_from_json` reads it back to the same meaning.

    Dates become ISO texts. FilterSyntaxError for a field called `and`, `or` or `not`.
    """
    match filter:
        case And(operands):
            return {"and": [filter_to_json(operand) for operand in operands]}
        case Or(operands):
            return {"or": [filter_to_json(operand) for operand in operands]}
        case Not(operand):
            return {"not": filter_to_json(operand)}
        case Comparison(field, op, value):
            if field in _CONNECTIVES:
                raise FilterSyntaxError(
                    f"The JSON form cannot name the field '{field}'.",
                    hint=f'Write it in the text form: "{field}"=...',
                )
            values = value if isinstance(value, tuple) else (value,)
            plain = [each.isoformat() if isinstance(each, date) else each for each in values]
            return {field: {op.value: plain if op in LIST_OPS else plain[0]}}


def _filter(obj: object, place: str, depth: int) -> Filter:
    if depth > MAX_DEPTH:
        raise FilterSyntaxError(
            f"The filter is nested more than {MAX_DEPTH} deep.", hint="Write it flatter."
        )
    if not isinstance(obj, Mapping):
        raise FilterSyntaxError(
            f"{place} is {_kind(obj)}, not an object.",
            hint='Write for example {"colour": "red"}.',
            details={"place": place},
        )
    parts = [_member(key, value, f"{place}.{key}", depth) for key, value in obj.items()]
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _member(key: object, value: object, place: str, depth: int) -> Filter:
    if not isinstance(key, str):
        raise FilterSyntaxError(f"{place} is not a text.", details={"place": place})
    if key == "not":
        return Not(_filter(value, place, depth + 1))
    if key in _CONNECTIVES:
        if not isinstance(value, list):
            raise FilterSyntaxError(
                f"{place} is {_kind(value)}, not a list.",
                hint=f'Write {{"{key}": [filter, filter]}}.',
                details={"place": place},
            )
        operands = tuple(_filter(v, f"{place}[{i}]", depth + 1) for i, v in enumerate(value))
        return And(operands) if key == "and" else Or(operands)
    return _comparisons(key, value, place)


def _comparisons(field: str, value: object, place: str) -> Filter:
    if isinstance(value, list):
        return Comparison(field, Op.IN, _values(value, place))
    if not isinstance(value, Mapping):
        return Comparison(field, Op.EQ, _value(value, place))
    if not value:
        raise FilterSyntaxError(
            f"{place} says nothing.", hint=f"It wants one of: {_OPS}.", details={"place": place}
        )
    parts = [_comparison(field, op, operand, f"{place}.{op}") for op, operand in value.items()]
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _comparison(field: str, name: object, value: object, place: str) -> Comparison:
    try:
        op = Op(str(name))
    except ValueError:
        raise FilterSyntaxError(
            f"{place}: there is no comparison '{name}'.",
            hint=f"{_guess(name)}Comparisons: {_OPS}.",
            details={"place": place},
        ) from None
    if op in LIST_OPS:
        return Comparison(field, op, _values(value, place))
    if op is Op.EXISTS and not isinstance(value, bool):
        raise FilterSyntaxError(
            f"{place} is {_kind(value)}, not true or false.",
            hint='Write {"exists": true}, or false for what has no value.',
            details={"place": place},
        )
    return Comparison(field, op, _value(value, place))


def _values(value: object, place: str) -> tuple[FilterValue, ...]:
    if not isinstance(value, list):
        raise FilterSyntaxError(
            f"{place} is {_kind(value)}, not a list.",
            hint=f'Write for example {{"{place.rpartition(".")[2]}": ["red", "blue"]}}.',
            details={"place": place},
        )
    return tuple(_value(each, f"{place}[{i}]") for i, each in enumerate(value))


def _value(value: object, place: str) -> FilterValue:
    if isinstance(value, str | int | float | bool | date):
        return value
    raise FilterSyntaxError(
        f"{place} is {_kind(value)}, which nothing can be compared with.",
        hint="Values are texts, numbers, true, false and dates as text (2024-05-31).",
        details={"place": place},
    )


def _guess(name: object) -> str:
    near = difflib.get_close_matches(str(name), [*Op, *_OTHERS])
    return f"Did you mean '{_OTHERS.get(near[0], near[0])}'? " if near else ""


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case Mapping():
            return "an object"
        case list():
            return "a list"
        case str():
            return "a text"
        case int() | float():
            return "a number"
    return f"a {type(value).__name__}"
