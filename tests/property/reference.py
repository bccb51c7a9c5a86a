"""Random catalogues and filters, and what the filters mean there, said with pandas.

Nothing of the product's own code decides here what an item satisfies: a catalogue is a DataFrame
with nullable columns, and a filter a mask over its rows.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import reduce
from operator import and_, ge, gt, le, lt, or_
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from search.filters import And, Comparison, Filter, Not, Op, Or
from search.filters.ast import LIST_OPS
from search.filters.checking import OPERATORS
from search.types import Field, FieldType, FieldValue

FIELDS = tuple(Field(f"{type_.value} field", type_) for type_ in FieldType)
HOSTILE = st.sampled_from(
    [
        "'",
        '"',
        "\\",
        '\\"',
        "\n",
        "\x01",
        "%",
        "_",
        "a%",
        "é漢😀",
        '" or id != "',
        "]",
        "\U0010ffff",
    ]
)
TEXTS = st.one_of(st.sampled_from(["red", "red%", "blue", "Red"]), HOSTILE, st.text(max_size=4))
VALUES: Mapping[FieldType, st.SearchStrategy[Any]] = {
    FieldType.STRING: TEXTS,
    FieldType.STRINGS: TEXTS,
    FieldType.INTEGER: st.one_of(st.integers(-3, 3), st.sampled_from([2**63 - 1, -(2**63) + 1])),
    FieldType.FLOAT: st.one_of(
        st.sampled_from([-1.5, 0.0, 0.1, 2.0, 1e300, -1e-300]),
        st.floats(allow_nan=False, allow_infinity=False, min_value=-1e308),
    ),
    FieldType.BOOLEAN: st.booleans(),
    FieldType.DATE: st.one_of(
        st.sampled_from([date(2024, 1, 1), date(2024, 2, 29)]), st.dates(date(1, 1, 1))
    ),
}
KEYS = st.one_of(
    st.sampled_from(["maker", "country", "0", "1", "size.eu", "a/b", "a~1b", "01", "-"]),
    st.sampled_from(['"', "[", '"]', "\\", "'", "\n", "\x01", "%", "é漢😀", '"] == 1 or extra["a']),
    st.text(min_size=1, max_size=3).filter(lambda key: "][" not in key),
)
DATES = st.sampled_from(["2024-01-01", "2024-02-29", "1999-12-31"])
SCALARS = st.one_of(
    st.integers(-2, 2),
    st.sampled_from([0.0, 1.0, 1.5, -2.0, 1e300, 2**53]),
    st.booleans(),
    TEXTS,
    DATES,
    st.sampled_from(["1", "true", "null", "[1]", '["red"]', "{}"]),
)
ALIKE = st.sampled_from([0, 1, 1.0, 2, True, False, "1", "true", "red", "red%"])
"""Values that a careless comparison would take for one another."""

Row = dict[str, FieldValue]
Extra = dict[str, Any]
Kind = str


def rows(least: int = 1) -> st.SearchStrategy[list[Row]]:
    """At least so many and up to six rows, each with a value, a None or no key for every field."""
    columns = {
        field.name: st.one_of(
            st.none(),
            st.lists(TEXTS, max_size=3) if field.type is FieldType.STRINGS else VALUES[field.type],
        )
        for field in FIELDS
    }
    return st.lists(st.fixed_dictionaries({}, optional=columns), min_size=least, max_size=6)


def extras(keys: Sequence[str]) -> st.SearchStrategy[Extra]:
    """What a row has beside its fields: values and lists, two levels deep, under these keys."""
    members = st.one_of(ALIKE, SCALARS, st.none())
    leaves = st.one_of(ALIKE, SCALARS, st.none(), st.lists(members, max_size=3))
    inner = st.fixed_dictionaries({}, optional=dict.fromkeys(keys, leaves))
    return st.fixed_dictionaries(
        {keys[0]: st.one_of(inner, inner, leaves)},
        optional=dict.fromkeys(keys[1:], st.one_of(leaves, leaves, inner)),
    )


@st.composite
def catalogues(draw: st.DrawFn) -> tuple[list[tuple[Row, Extra]], list[Filter]]:
    """Rows, what each has beside, and six filters that ask for what is there, and near it."""
    keys = draw(st.lists(KEYS, min_size=2, max_size=3, unique=True))
    items = [(row, draw(extras(keys))) for row in draw(rows(4))]
    leaves = st.one_of(_typed(items), _beside(items, keys), _beside(items, keys))
    return items, draw(st.lists(_grown(leaves), min_size=6, max_size=6))


@st.composite
def _typed(draw: st.DrawFn, items: Sequence[tuple[Row, Extra]]) -> Comparison:
    """A comparison that its field knows."""
    field = draw(st.sampled_from(FIELDS))
    op = draw(st.sampled_from(sorted(OPERATORS[field.type.value])))
    stored = [row.get(field.name) for row, _ in items]
    there = [v for each in stored for v in (each if isinstance(each, list) else [each])]
    return Comparison(field.name, op, draw(_operand(op, _near(there, VALUES[field.type], op))))


@st.composite
def _beside(draw: st.DrawFn, items: Sequence[tuple[Row, Extra]], keys: Sequence[str]) -> Comparison:
    """A comparison of a place in `extra`, mostly one that some item has."""
    places = [place for _, extra in items for place in _places(extra)]
    random = st.lists(st.sampled_from([*keys, "0"]), min_size=1, max_size=3)
    path = draw(st.one_of(st.sampled_from([p for p, _ in places]), random) if places else random)
    op = draw(st.sampled_from(sorted(Op)))
    there = [value for place, value in places if list(place) == list(path)]
    members = [v for each in there for v in (each if isinstance(each, list) else [each])]
    values = st.one_of(ALIKE, SCALARS)
    if op in (Op.LT, Op.LTE, Op.GT, Op.GTE):
        values = st.one_of(st.sampled_from([-1, 0, 1, 0.5, 1e300]), DATES)
        members = [v for v in members if isinstance(v, int | float) and not isinstance(v, bool)]
    elif op is Op.PREFIX:
        values = st.one_of(TEXTS, DATES)
    else:
        members += [_lookalike(v) for v in members]
    members = [v for v in members if isinstance(v, str | int | float)]
    return Comparison(written(path), op, draw(_operand(op, _near(members, values, op))))


def _near(there: Sequence[Any], others: st.SearchStrategy[Any], op: Op) -> st.SearchStrategy[Any]:
    """One of the values that are there, or a beginning of it, or another."""
    known = [value for value in there if value is not None]
    if op is Op.PREFIX:
        known = [text[:end] for text in known if isinstance(text, str) for end in (1, len(text))]
    return st.one_of(st.sampled_from(known), others) if known else others


def _lookalike(value: Any) -> Any:
    """A value of another kind that a careless comparison would take for this one."""
    if isinstance(value, bool):
        return int(value)
    return bool(value) if value in (0, 1) else str(value)


def _places(value: Any, path: tuple[str, ...] = ()) -> list[tuple[list[str], Any]]:
    """Every place in a value of JSON, with what is there."""
    inside = list(value.items()) if isinstance(value, dict) else []
    inside += [(str(i), v) for i, v in enumerate(value)] if isinstance(value, list) else []
    found = [place for key, v in inside for place in _places(v, (*path, key))]
    return [([*path], value), *found] if path else found


def _operand(op: Op, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    if op is Op.EXISTS:
        return st.just(True)
    return st.lists(values, max_size=3).map(tuple) if op in LIST_OPS else values


def _grown(leaves: st.SearchStrategy[Comparison]) -> st.SearchStrategy[Filter]:
    """Comparisons under and, or and not, a few deep."""

    def grow(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
        several = st.lists(inner, min_size=2, max_size=3).map(tuple)
        return st.one_of(several.map(And), several.map(Or), inner.map(Not))

    return st.one_of(leaves, leaves.map(Not), grow(leaves), grow(grow(leaves)))


def written(keys: Sequence[str]) -> str:
    """The name by which a filter finds a place in `extra`."""
    return ".".join(["extra", *(re.sub(r"([\\.])", r"\\\1", key) for key in keys)])


def satisfying(items: Sequence[tuple[Row, Extra]], filter: Filter) -> list[bool]:
    """Whether each item satisfies the filter: the definition that the backends are held to."""
    frame = pd.DataFrame({f.name: _column(f, [row for row, _ in items]) for f in FIELDS})
    frame["extra"] = pd.Series([extra for _, extra in items], dtype=object)
    return [bool(each) for each in mask(filter, frame)]


def mask(filter: Filter, frame: pd.DataFrame) -> "pd.Series[bool]":
    """Which rows of the catalogue satisfy the filter."""
    match filter:
        case And(operands):
            return reduce(and_, [mask(operand, frame) for operand in operands], _all(frame, True))
        case Or(operands):
            return reduce(or_, [mask(operand, frame) for operand in operands], _all(frame, False))
        case Not(operand):
            return ~mask(operand, frame)
        case Comparison(field, op, value):
            columns = _columns(field, frame)
            present = reduce(or_, [_present(column) for column in columns.values()])
            return present & _holds(columns, op, value, frame)


def _column(field: Field, items: Sequence[Row]) -> "pd.Series[Any]":
    values = [row.get(field.name) for row in items]
    dtypes = {
        FieldType.STRING: "string",
        FieldType.INTEGER: "Int64",
        FieldType.FLOAT: "Float64",
        FieldType.BOOLEAN: "boolean",
        FieldType.STRINGS: object,
    }
    if field.type is FieldType.DATE:
        return pd.Series(np.array(values, dtype="datetime64[s]"))
    return pd.Series(values, dtype=dtypes[field.type])


def _columns(name: str, frame: pd.DataFrame) -> dict[Kind, "pd.Series[Any]"]:
    """The values under a name, a column for each kind that occurs there."""
    if name in frame.columns:
        kinds = {f.name: f.type for f in FIELDS}
        alike = {FieldType.INTEGER: "number", FieldType.FLOAT: "number", FieldType.STRING: "text"}
        return {alike.get(kinds[name], kinds[name].value): frame[name]}
    path = re.findall(r"((?:\\.|[^.\\])+)", name, re.DOTALL)[1:]
    keys = [re.sub(r"\\(.)", r"\1", part) for part in path]
    found = reduce(
        lambda column, key: column.map(lambda value: _inside(value, key)), keys, frame["extra"]
    )
    return _by_kind(found) | {"strings": found.where(found.map(lambda v: isinstance(v, list)))}


def _inside(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return value.get(key)
    is_place = isinstance(value, list) and key in [str(place) for place in range(len(value))]
    return value[int(key)] if is_place else None


def _by_kind(values: "pd.Series[Any]") -> dict[Kind, "pd.Series[Any]"]:
    kinds = values.map(_kind)
    return {
        kind: values.where(kinds == kind, None).astype(dtype)
        for kind, dtype in (("number", "Float64"), ("text", "string"), ("boolean", "boolean"))
    }


def _kind(value: Any) -> Kind:
    if isinstance(value, bool):
        return "boolean"
    return {int: "number", float: "number", str: "text"}.get(type(value), "other")


def _present(column: "pd.Series[Any]") -> "pd.Series[bool]":
    there = column.notna()
    if column.dtype == object:
        return there & column.map(lambda value: isinstance(value, list) and len(value) > 0).astype(
            bool
        )
    return there & (column != "").fillna(False).astype(bool) if column.dtype == "string" else there


def _holds(
    columns: dict[Kind, "pd.Series[Any]"], op: Op, value: Any, frame: pd.DataFrame
) -> "pd.Series[bool]":
    """The comparison, whatever it says of rows without a value."""
    several = value if isinstance(value, tuple) else (value,)
    match op:
        case Op.EXISTS:
            return _all(frame, True)
        case Op.EQ | Op.IN:
            return reduce(or_, [_equal(columns, v, frame) for v in several], _all(frame, False))
        case Op.NE:
            return ~_equal(columns, value, frame)
        case Op.PREFIX:
            return columns["text"].str.startswith(value).fillna(False).astype(bool)
        case Op.CONTAINS | Op.CONTAINS_ANY:
            return reduce(or_, [_has(columns, v, frame) for v in several], _all(frame, False))
        case Op.CONTAINS_ALL:
            return reduce(and_, [_has(columns, v, frame) for v in several], _all(frame, True))
    signs = {Op.LT: lt, Op.LTE: le, Op.GT: gt, Op.GTE: ge}
    return _compared(columns, value, signs[op], frame)


def _equal(columns: dict[Kind, Any], value: Any, frame: pd.DataFrame) -> "pd.Series[bool]":
    return _compared(columns, value, lambda column, other: column == other, frame)


def _compared(
    columns: dict[Kind, Any], value: Any, compare: Any, frame: pd.DataFrame
) -> "pd.Series[bool]":
    kinds = {bool: "boolean", int: "number", float: "number", str: "text", date: "date"}
    column = columns.get(kinds[type(value)])
    if column is None:
        return _all(frame, False)
    other = np.datetime64(value, "s") if isinstance(value, date) else value
    return pd.Series(compare(column, other), index=frame.index).fillna(False).astype(bool)


def _has(columns: dict[Kind, Any], value: Any, frame: pd.DataFrame) -> "pd.Series[bool]":
    members = columns["strings"].explode().dropna()
    equal = _equal(_by_kind(members), value, members.to_frame())
    among = equal.groupby(level=0).any().reindex(frame.index, fill_value=False).astype(bool)
    return among | _equal(columns, value, frame) if len(columns) > 1 else among


def _all(frame: pd.DataFrame, value: bool) -> "pd.Series[bool]":
    return pd.Series(value, index=frame.index)
