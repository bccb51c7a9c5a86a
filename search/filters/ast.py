"""Filters as data: what the JSON form and the text form are read into, and the store compiles.

docs/filters.md says what each comparison means, for which types, and what it makes of missing
values.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

FilterValue = str | int | float | bool | date


class Op(StrEnum):
    """How a field is compared with a value."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LTE = "lte"
    GT = "gt"
    GTE = "gte"
    IN = "in"
    """It is one of several values."""
    PREFIX = "prefix"
    """The text begins so, character by character: nothing in it is a wildcard."""
    CONTAINS = "contains"
    """The list has the value among its members."""
    CONTAINS_ANY = "contains_any"
    """The list has at least one of several values; of none, false."""
    CONTAINS_ALL = "contains_all"
    """The list has every one of several values; of none, true of every list that is not empty."""
    EXISTS = "exists"
    """There is a value; `False` for there is none."""


LIST_OPS = frozenset({Op.IN, Op.CONTAINS_ANY, Op.CONTAINS_ALL})
"""Comparisons whose value is a tuple."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`field op value`. A missing value satisfies no comparison but `exists False`."""

    field: str
    op: Op
    value: FilterValue | tuple[FilterValue, ...]


@dataclass(frozen=True, slots=True)
class And:
    """All of them hold; of none, true."""

    operands: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of them holds; of none, false."""

    operands: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The operand does not hold: also for items whose value is missing."""

    operand: "Filter"


Filter = Comparison | And | Or | Not
