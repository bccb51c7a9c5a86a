"""Filters as expressions of Milvus.

Comparisons come out two-valued, because a missing value is an ordinary one that they exclude: so
`not` is plain negation on every backend. The filter must have gone through `check_filter`.
"""

from collections.abc import Iterable, Mapping
from datetime import date

from search.filters.ast import And, Comparison, Filter, FilterValue, Not, Op, Or
from search.store.schema import MISSING, Layout
from search.types import FieldType

EVERYTHING = 'id != ""'
NOTHING = 'id == ""'

_SIGNS = {Op.EQ: "==", Op.NE: "!=", Op.LT: "<", Op.LTE: "<=", Op.GT: ">", Op.GTE: ">="}
# Milvus Lite knows these escapes and no others; every other character stands for itself on both.
_ESCAPES = str.maketrans({'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def expression(filter: Filter, layout: Layout) -> str:
    """The expression that holds for exactly the items that satisfy the filter."""
    return _expression(filter, layout.readable)


def id_in(ids: Iterable[str]) -> str:
    """The expression for items of these ids."""
    return f"id in [{', '.join(map(literal, ids))}]"


def all_of(*expressions: str) -> str:
    """All of them; of none, the expression that holds for everything."""
    return " and ".join(f"({each})" for each in expressions) or EVERYTHING


def literal(value: FilterValue) -> str:
    """A value as Milvus reads it back, whatever characters a text has."""
    match value:
        case bool():
            return str(int(value))
        case date():
            return f'"{value.isoformat()}"'
        case str():
            return f'"{value.translate(_ESCAPES)}"'
    return repr(value)


def _expression(filter: Filter, readable: Mapping[str, tuple[str, FieldType]]) -> str:
    match filter:
        case And(operands):
            return all_of(*(_expression(operand, readable) for operand in operands))
        case Or(operands):
            parts = [_expression(operand, readable) for operand in operands]
            return " or ".join(f"({part})" for part in parts) or NOTHING
        case Not(operand):
            return f"not ({_expression(operand, readable)})"
        case Comparison(field):
            return _comparison(filter, *readable[field])


def _comparison(comparison: Comparison, column: str, type_: FieldType) -> str:
    value = comparison.value
    if isinstance(value, tuple):
        literals = [literal(each) for each in value if each != MISSING[type_]]
        return f"{column} in [{', '.join(literals)}]" if literals else NOTHING
    if comparison.op is Op.CONTAINS:
        return f"array_contains({column}, {literal(value)})"
    compared = f"{column} {_SIGNS[comparison.op]} {literal(value)}"
    return f"{compared} and {_present(column, type_)}"


def _present(column: str, type_: FieldType) -> str:
    """The value is not the one for "missing": said without naming INT64's least, which servers
    cannot read as a literal."""
    if type_ in (FieldType.STRING, FieldType.DATE):
        return f'{column} != ""'
    if type_ is FieldType.BOOLEAN:
        return f"{column} >= 0"
    missing = MISSING[type_]
    return f"{column} >= {missing + 1}" if isinstance(missing, int) else f"{column} > {missing}"
