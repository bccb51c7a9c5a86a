"""Filters as data: what the JSON form and the text form are read into, and the store compiles."""

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
    CONTAINS = "contains"
    """The list of strings has the value among its members."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`field op value`; for `in` the value is a tuple. A missing value satisfies no comparison."""

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
