"""Whether an item satisfies a filter: what an embedded database leaves to this process.

Milvus Lite takes true for 1 in JSON, and neither a comparison nor its `not` holds for an object
there. So filters that name a key of `extra` are answered here, with the meaning that they have on
servers; docs/filters.md says what it is.
"""

import operator
import re
from collections.abc import Callable, Mapping
from datetime import date

from search.filters.ast import And, Comparison, Filter, Not, Op, Or

Test = Callable[[object], bool]
Matcher = Callable[[Mapping[str, object]], bool]

_PLACE = re.compile(r"0|[1-9][0-9]*", re.ASCII)
_ORDER: Mapping[Op, Callable[..., bool]] = {
    Op.LT: operator.lt,
    Op.LTE: operator.le,
    Op.GT: operator.gt,
    Op.GTE: operator.ge,
}


def matcher(filter: Filter) -> Matcher:
    """Tells whether an item satisfies the filter, which must have gone through `check_filter`.

    An item is given as its values by the name that the filter has for them: a typed field's, or
    what `value_at` finds in `extra`. None says that there is no value.
    """
    match filter:
        case And(operands):
            every = [matcher(operand) for operand in operands]
            return lambda item: all(matches(item) for matches in every)
        case Or(operands):
            some = [matcher(operand) for operand in operands]
            return lambda item: any(matches(item) for matches in some)
        case Not(operand):
            matches_not = matcher(operand)
            return lambda item: not matches_not(item)
        case Comparison(field, op, value):
            test = _test(op, value)
            return lambda item: _is_there(item[field]) and test(item[field])


def value_at(extra: object, keys: tuple[str, ...]) -> object:
    """What these keys lead to in a value of JSON; None if nowhere."""
    for key in keys:
        if isinstance(extra, dict):
            extra = extra.get(key)
        elif isinstance(extra, list) and _PLACE.fullmatch(key) and len(key) < 10:
            place = int(key)
            extra = extra[place] if place < len(extra) else None
        else:
            return None
    return extra


def _is_there(value: object) -> bool:
    """Objects are no values, but have some; an empty text or list is a missing one."""
    return not isinstance(value, dict) and value is not None and value not in ("", [])


def _test(op: Op, value: object) -> Test:
    """The comparison, of values that are there."""
    wanted = frozenset(map(_key, value if isinstance(value, tuple) else (value,)))
    match op:
        case Op.EXISTS:
            return lambda stored: True
        case Op.EQ | Op.IN:
            return lambda stored: _key(stored) in wanted
        case Op.NE:
            return lambda stored: _key(stored) not in wanted
        case Op.PREFIX:
            prefix = str(value)
            return lambda stored: isinstance(stored, str) and stored.startswith(prefix)
        case Op.CONTAINS | Op.CONTAINS_ALL:
            return lambda stored: wanted <= _members(stored)
        case Op.CONTAINS_ANY:
            return lambda stored: not wanted.isdisjoint(_members(stored))
        case Op.LT | Op.LTE | Op.GT | Op.GTE:
            kind, compare = _key(value)[0], _ORDER[op]
            return lambda stored: _key(stored)[0] == kind and compare(stored, value)


def _members(stored: object) -> frozenset[tuple[str, object]]:
    """What a list holds; a single value is the one member of itself."""
    return frozenset(map(_key, stored if isinstance(stored, list) else (stored,)))


def _key(value: object) -> tuple[str, object]:
    """Equal for values that are the same: of one kind, 1 and 1.0 but not 1 and true."""
    match value:
        case bool():
            return "boolean", value
        case int() | float():
            return "number", value
        case str():
            return "text", value
        case date():
            return "date", value
    return "none that is compared", None
