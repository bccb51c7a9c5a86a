"""What filters mean, said in plain Python, and random ones to try it on."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from hypothesis import strategies as st

from search.filters import And, Comparison, Filter, Not, Op, Or
from search.filters.checking import OPERATORS
from search.types import Field, FieldType, FieldValue

FIELDS = tuple(Field(f"{type_.value} field", type_) for type_ in FieldType)
HOSTILE = st.sampled_from(["'", '"', "\\", '\\"', "\n", "\x01", "%", "é漢😀", '" or id != "', "]"])
TEXTS = st.one_of(st.sampled_from(["red", "blue", "Red"]), HOSTILE, st.text(max_size=4))
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

Row = dict[str, FieldValue]


def rows() -> st.SearchStrategy[list[Row]]:
    """Up to six rows, each with a value, a None or no key for every field."""
    columns = {
        field.name: st.one_of(
            st.none(),
            st.lists(TEXTS, max_size=3) if field.type is FieldType.STRINGS else VALUES[field.type],
        )
        for field in FIELDS
    }
    return st.lists(st.fixed_dictionaries({}, optional=columns), min_size=1, max_size=6)


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    """A comparison that its field knows."""
    field = draw(st.sampled_from(FIELDS))
    op = draw(st.sampled_from(sorted(OPERATORS[field.type.value])))
    value = VALUES[field.type]
    if op is Op.IN:
        return Comparison(field.name, op, tuple(draw(st.lists(value, min_size=2, max_size=3))))
    return Comparison(field.name, op, draw(value))


def filters() -> st.SearchStrategy[Filter]:
    """Comparisons under and, or and not, a few deep."""

    def grow(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
        several = st.lists(inner, min_size=2, max_size=3).map(tuple)
        return st.one_of(several.map(And), several.map(Or), inner.map(Not))

    return st.recursive(comparisons(), grow, max_leaves=6)


def satisfies(row: Row, filter: Filter) -> bool:
    """Whether the row satisfies the filter: the definition that the backends are held to."""
    match filter:
        case And(operands):
            return all(satisfies(row, operand) for operand in operands)
        case Or(operands):
            return any(satisfies(row, operand) for operand in operands)
        case Not(operand):
            return not satisfies(row, operand)
        case Comparison(field, op, value):
            return _compare(row.get(field), op, value)


def _compare(stored: Any, op: Op, value: Any) -> bool:
    if stored is None or stored in ("", []):
        return False
    match op:
        case Op.EQ:
            return bool(stored == value)
        case Op.NE:
            return bool(stored != value)
        case Op.LT:
            return bool(stored < value)
        case Op.LTE:
            return bool(stored <= value)
        case Op.GT:
            return bool(stored > value)
        case Op.GTE:
            return bool(stored >= value)
        case Op.IN | Op.CONTAINS:
            return value in stored if op is Op.CONTAINS else stored in value
