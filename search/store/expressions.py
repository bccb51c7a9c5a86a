"""Filters as expressions of Milvus.

Comparisons come out two-valued, because a missing value is an ordinary one that they exclude: so
`not` is plain negation on every backend. The filter must have gone through `check_filter`.
Expressions about `extra` are for servers; for an embedded database see `search.store.walking`.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from datetime import date

from search.filters.ast import And, Comparison, Filter, FilterValue, Not, Op, Or
from search.filters.names import extra_keys
from search.store.schema import MISSING, Layout
from search.types import FieldType

EVERYTHING = 'id != ""'
NOTHING = 'id == ""'

_SIGNS = {Op.EQ: "==", Op.NE: "!=", Op.LT: "<", Op.LTE: "<=", Op.GT: ">", Op.GTE: ">="}
_SURROGATES, _AFTER_SURROGATES = 0xD800, 0xE000
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
            return _any_of(_expression(operand, readable) for operand in operands)
        case Not(operand):
            return f"not ({_expression(operand, readable)})"
        case Comparison(field) if field in readable:
            return _comparison(filter, *readable[field])
        case Comparison(field):
            return _extra_comparison(filter, field)


def _comparison(comparison: Comparison, column: str, type_: FieldType) -> str:
    op, value = comparison.op, comparison.value
    present = _present(column, type_)
    if op is Op.EXISTS:
        return present
    if isinstance(value, tuple):
        return _of_several(op, column, type_, value)
    if op is Op.CONTAINS:
        return f"array_contains({column}, {literal(value)})"
    if op is Op.PREFIX:
        return all_of(_begins_with(column, str(value)), present)
    return f"{column} {_SIGNS[op]} {literal(value)} and {present}"


def _of_several(op: Op, column: str, type_: FieldType, values: tuple[FilterValue, ...]) -> str:
    if op is Op.IN:
        present = [value for value in values if value != MISSING[type_]]
        return f"{column} in {_literals(present)}" if present else NOTHING
    if not values:
        return NOTHING if op is Op.CONTAINS_ANY else _present(column, type_)
    name = "array_contains_any" if op is Op.CONTAINS_ANY else "array_contains_all"
    return f"{name}({column}, {_literals(values)})"


def _begins_with(place: str, prefix: str) -> str:
    """The text there begins so: a range, as `like` has wildcards that cannot be escaped alike.

    Both Milvus order texts by their UTF-8 bytes, which is the order of the characters.
    """
    after = _after(prefix)
    parts = [f"{place} >= {literal(prefix)}"] + ([f"{place} < {literal(after)}"] if after else [])
    return " and ".join(parts)


def _after(prefix: str) -> str:
    """The least text that is greater than all that begin so; empty if there is none."""
    stem = prefix.rstrip(chr(sys.maxunicode))
    if not stem:
        return ""
    last = ord(stem[-1]) + 1
    return stem[:-1] + chr(_AFTER_SURROGATES if last == _SURROGATES else last)


def _any_of(expressions: Iterable[str]) -> str:
    return " or ".join(f"({each})" for each in expressions) or NOTHING


def _literals(values: Iterable[FilterValue]) -> str:
    """A list of values."""
    return f"[{', '.join(map(literal, values))}]"


def _present(column: str, type_: FieldType) -> str:
    """The value is not the one for "missing": said without naming INT64's least, which servers
    cannot read as a literal."""
    if type_ in (FieldType.STRING, FieldType.DATE):
        return f'{column} != ""'
    if type_ is FieldType.BOOLEAN:
        return f"{column} >= 0"
    if type_ is FieldType.STRINGS:
        return f"not (array_length({column}) == 0)"
    missing = MISSING[type_]
    return f"{column} >= {missing + 1}" if isinstance(missing, int) else f"{column} > {missing}"


def _extra_comparison(comparison: Comparison, name: str) -> str:
    """A comparison of what a path in `extra` leads to. Kinds differ: true is not 1, nor "1"."""
    op, value = comparison.op, comparison.value
    place = _place(name)
    values = value if isinstance(value, tuple) else (value,)
    match op:
        case Op.EXISTS:
            return _extra_present(place)
        case Op.EQ | Op.IN:
            return _extra_in(place, values)
        case Op.NE:
            return f"({_extra_present(place)}) and not ({_extra_in(place, values)})"
        case Op.PREFIX:
            return all_of(_begins_with(place, str(value)), f'{place} > ""')
        case Op.CONTAINS | Op.CONTAINS_ANY:
            # Of lists, servers take 2 for 2 alone, and 2.0 for 2 and 2.0.
            members = [float(each) if type(each) is int else each for each in values]
            listed = f"json_contains_any({place}, [{_extra_literals(members)}])"
            return _any_of((listed, _extra_in(place, values))) if values else NOTHING
        case Op.CONTAINS_ALL:
            each = (Comparison(name, Op.CONTAINS, one) for one in values)
            return all_of(_extra_present(place), *(_extra_comparison(one, name) for one in each))
        case Op.LT | Op.LTE | Op.GT | Op.GTE:
            compared = f"{place} {_SIGNS[op]} {_extra_literals(values)}"
            return f'{compared} and {place} > ""' if isinstance(value, str) else compared


def _place(name: str) -> str:
    # Servers compare keys as they are written in the JSON, escapes included.
    return "extra" + "".join(f"[{json.dumps(key, ensure_ascii=False)}]" for key in extra_keys(name))


def _extra_present(place: str) -> str:
    """A text or list that is not empty, a number, or a boolean: no null, and no object."""
    return (
        f'{place} > "" or {place} < 0 or {place} >= 0 or {place} in [true, false]'
        f" or array_length({place}) != 0"
    )


def _extra_in(place: str, values: Iterable[FilterValue]) -> str:
    """One of these values. A list of one expression must not mix the kinds of its values."""
    kinds: dict[type, list[FilterValue]] = {}
    for value in values:
        if value != "":
            kinds.setdefault(type(value), []).append(value)
    return _any_of(f"{place} in [{_extra_literals(alike)}]" for alike in kinds.values())


def _extra_literals(values: Iterable[FilterValue]) -> str:
    return ", ".join(
        str(value).lower() if isinstance(value, bool) else literal(value) for value in values
    )
