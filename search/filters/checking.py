"""Whether a filter makes sense for the fields of a collection."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from search.errors import FilterError, FilterSyntaxError, FilterTypeError
from search.filters.ast import LIST_OPS, And, Comparison, Filter, FilterValue, Not, Op, Or
from search.filters.names import ExtraField, filter_field, known_fields
from search.filters.values import fit_extra, fit_value, is_ordered, shown, wrong_type

if TYPE_CHECKING:
    from search.types import Field

EQUALITY = frozenset({Op.EQ, Op.NE, Op.IN, Op.EXISTS})
ORDER = frozenset({Op.LT, Op.LTE, Op.GT, Op.GTE})
MEMBERS = frozenset({Op.CONTAINS, Op.CONTAINS_ANY, Op.CONTAINS_ALL})
OPERATORS: Mapping[str, frozenset[Op]] = {
    "string": EQUALITY | {Op.PREFIX},
    "boolean": EQUALITY,
    "integer": EQUALITY | ORDER,
    "float": EQUALITY | ORDER,
    "date": EQUALITY | ORDER,
    "strings": MEMBERS | {Op.EXISTS},
}
"""What each type of field can be asked; a key of `extra` can be asked all of it. Texts have no
order here: "9" would come after "10"."""

MAX_DEPTH = 64
"""How deep operands may lie in one another; beyond some hundred, Milvus Lite gives up."""

MAX_COMPARISONS = 500
"""Servers take time with the square of it: 0.9 s for 500 joined by "or", 11 s for 2,000."""

MAX_LIST = 16_384
"""Values of one comparison. 10,000 take half a second, on every Milvus."""


def check_filter(filter: Filter, fields: "Sequence[Field]") -> Filter:
    """The filter with every value in its field's own type (an int as float, an ISO text as date).

    Raises:
        UnknownFieldError: a field that neither `fields` nor every item has; lists the known ones.
        FilterTypeError: a value of another type, or a comparison that the type does not know.
        FilterSyntaxError: a path into `extra` that is none, or more depth, comparisons or values
            than a filter may have.
    """
    count = _count(filter, 0)
    if count > MAX_COMPARISONS:
        raise FilterSyntaxError(
            f"The filter has {count:,} comparisons; {MAX_COMPARISONS} is the most.",
            hint='Join those of one field: colour=red,blue, in JSON {"colour": ["red", "blue"]}.',
            details={"comparisons": count},
        )
    return _check(filter, known_fields(fields))


def _count(filter: Filter, depth: int) -> int:
    if depth > MAX_DEPTH:
        raise FilterSyntaxError(
            f"The filter is nested more than {MAX_DEPTH} deep.", hint="Write it flatter."
        )
    match filter:
        case And(operands) | Or(operands):
            return sum(_count(operand, depth + 1) for operand in operands)
        case Not(operand):
            return _count(operand, depth + 1)
        case Comparison():
            return 1


def _check(filter: Filter, known: "Mapping[str, Field]") -> Filter:
    match filter:
        case And(operands):
            return And(tuple(_check(operand, known) for operand in operands))
        case Or(operands):
            return Or(tuple(_check(operand, known) for operand in operands))
        case Not(operand):
            return Not(_check(operand, known))
        case Comparison():
            return _check_comparison(filter, filter_field(filter.field, known))


def _check_comparison(comparison: Comparison, field: "Field | ExtraField") -> Filter:
    op, value = comparison.op, comparison.value
    if isinstance(field, ExtraField):
        return _fitted(comparison, field.name, lambda each: _fit_extra(each, op, field))
    if op not in OPERATORS[field.type.value]:
        raise _wrong_operator(op, field)
    if op in LIST_OPS and not isinstance(value, tuple):
        raise wrong_type(value, field)
    return _fitted(comparison, field.name, lambda each: fit_value(each, field))


def _fitted(
    comparison: Comparison, name: str, fit: Callable[[object], FilterValue]
) -> Comparison | Not:
    op, value = comparison.op, comparison.value
    if op is Op.EXISTS:
        if not isinstance(value, bool):
            raise _wrong(
                name, op, "takes true or false", f'Write {{"{name}": {{"exists": true}}}}.'
            )
        there = Comparison(name, op, True)
        return there if value else Not(there)
    if op not in LIST_OPS:
        return Comparison(name, op, fit(value))
    if not isinstance(value, tuple):
        raise _wrong(name, op, "takes several values", "Give it a list.")
    if len(value) > MAX_LIST:
        raise FilterSyntaxError(
            f"'{op.value}' of '{name}' has {len(value):,} values; {MAX_LIST:,} is the most.",
            hint="Ask in parts, or filter by a field that these items share.",
            details={"field": name, "op": op.value, "values": len(value)},
        )
    return Comparison(name, op, tuple(fit(each) for each in value))


def _fit_extra(value: object, op: Op, field: ExtraField) -> FilterValue:
    fitted = fit_extra(value, field)
    if op in ORDER and not is_ordered(fitted):
        what = f"orders numbers and dates, and {shown(fitted)} is neither"
        raise _wrong(field.name, op, what, "Write 50, or a date such as 2024-05-31.")
    if op is Op.PREFIX and not isinstance(fitted, str):
        raise _wrong(field.name, op, "takes a text", 'Write "..." around it.')
    return fitted


def _wrong_operator(op: Op, field: "Field") -> FilterError:
    allowed = sorted(OPERATORS[field.type.value])
    return _wrong(
        field.name,
        op,
        f"does not go with its type, {field.type.value}",
        f"It can be asked: {', '.join(allowed)}."
        + (f" Write {field.name}:value." if field.type.value == "strings" else ""),
        type=field.type.value,
    )


def _wrong(name: str, op: Op, what: str, cure: str, **details: object) -> FilterTypeError:
    return FilterTypeError(
        f"'{op.value}' of the field '{name}' {what}.",
        hint=cure,
        details={"field": name, "op": op.value, **details},
    )
