"""Whether a filter makes sense for the fields of a collection."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from search.errors import FilterTypeError
from search.filters.ast import And, Comparison, Filter, Not, Op, Or
from search.filters.names import find_field, known_fields
from search.filters.values import fit_value, wrong_type

if TYPE_CHECKING:
    from search.types import Field

EQUALITY = frozenset({Op.EQ, Op.NE, Op.IN})
ORDER = frozenset({Op.LT, Op.LTE, Op.GT, Op.GTE})
OPERATORS: Mapping[str, frozenset[Op]] = {
    "string": EQUALITY,
    "boolean": EQUALITY,
    "integer": EQUALITY | ORDER,
    "float": EQUALITY | ORDER,
    "date": EQUALITY | ORDER,
    "strings": frozenset({Op.CONTAINS}),
}
"""What each type of field can be asked. Texts have no order here: "9" would come after "10"."""


def check_filter(filter: Filter, fields: "Sequence[Field]") -> Filter:
    """The filter with every value in its field's own type (an int as float, an ISO text as date).

    Raises:
        UnknownFieldError: a field that neither `fields` nor every item has; lists the known ones.
        FilterTypeError: a value of another type, or a comparison that the type does not know.
    """
    return _check(filter, known_fields(fields))


def _check(filter: Filter, known: "Mapping[str, Field]") -> Filter:
    match filter:
        case And(operands):
            return And(tuple(_check(operand, known) for operand in operands))
        case Or(operands):
            return Or(tuple(_check(operand, known) for operand in operands))
        case Not(operand):
            return Not(_check(operand, known))
        case Comparison():
            return _check_comparison(filter, find_field(filter.field, known))


def _check_comparison(comparison: Comparison, field: "Field") -> Comparison:
    op, value = comparison.op, comparison.value
    if op not in OPERATORS[field.type.value]:
        raise _wrong_operator(op, field)
    if op is not Op.IN:
        return Comparison(field.name, op, fit_value(value, field))
    if not isinstance(value, tuple):
        raise wrong_type(value, field)
    return Comparison(field.name, op, tuple(fit_value(each, field) for each in value))


def _wrong_operator(op: Op, field: "Field") -> FilterTypeError:
    allowed = sorted(OPERATORS[field.type.value])
    return FilterTypeError(
        f"The field '{field.name}' ({field.type.value}) cannot be compared by '{op.value}'.",
        hint=f"It knows: {', '.join(allowed)}."
        + (f" Write {field.name}:value." if field.type.value == "strings" else ""),
        details={"field": field.name, "type": field.type.value, "op": op.value},
    )
