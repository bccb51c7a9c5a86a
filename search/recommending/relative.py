"""Filters that an item sets by its own values: cheaper than it, of its kind, of another colour."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from math import ceil, floor

from search.errors import InvalidQueryError
from search.filters.ast import And, Comparison, Filter, FilterValue, Not, Op, Or
from search.filters.names import ITEM_FIELDS, find_field, known_fields
from search.types import Field, FieldType, Item


class Relation(StrEnum):
    """How a hit's value stands to the item's own."""

    LESS = "less"
    MORE = "more"
    SAME = "same"
    OTHER = "other"


_ORDERED = (FieldType.INTEGER, FieldType.FLOAT, FieldType.DATE)
_SIGNS = {Relation.LESS: Op.LT, Relation.MORE: Op.GT}
_MARGIN = "Write price, price:5 (at least 5) or price:10% (at least a tenth of it)."


@dataclass(frozen=True, slots=True)
class Relative:
    """`field` of each hit is less than, more than, the same as or other than the item's own.

    `margin` is by how much less or more it has to be at least: a number of the field's own unit,
    or with `is_share` a share of the item's value.

    Raises InvalidQueryError: a margin below 0 or not finite, or one of "same" or "other".
    """

    relation: Relation
    field: str
    margin: float = 0.0
    is_share: bool = False

    def __post_init__(self) -> None:
        has_order = self.relation in _SIGNS
        if not 0 <= self.margin < float("inf") or (self.margin and not has_order):
            raise InvalidQueryError(
                f"A margin of {self.margin:g} for {self.relation} {self.field} makes no sense.",
                hint=_MARGIN,
                details={"field": self.field},
            )


def relative_from_text(relation: Relation, text: str) -> Relative:
    """`price`; for less and more also `price:5` and `price:10%`, by which margin.

    Raises InvalidQueryError: no field, or a margin that is no number.
    """
    name, colon, margin = text.partition(":")
    if not name or (colon and relation not in _SIGNS):
        raise InvalidQueryError(f"{relation} {text[:100]!r} does not name a field.", hint=_MARGIN)
    try:
        number = float(margin.removesuffix("%")) if colon else 0.0
    except ValueError:
        raise InvalidQueryError(
            f"The margin of {relation} {text[:100]!r} is not a number.", hint=_MARGIN
        ) from None
    is_share = margin.endswith("%")
    return Relative(relation, name, number / 100 if is_share else number, is_share)


def relative_filter(
    relatives: Sequence[Relative], items: Sequence[Item], fields: Sequence[Field]
) -> list[Filter]:
    """What hits have to satisfy, a filter for each relative.

    Of several items, less is less than the least of them, more is more than the largest, the same
    is that of any of them, and other is that of none. A hit without a value satisfies neither of
    less, more, same; nor other, but for lists, of which an empty one shares nothing.

    Raises:
        UnknownFieldError: a field that the collection does not have.
        InvalidQueryError: an item without a value of the field, or a field without an order.
    """
    known = known_fields(fields)
    return [_filter(each, items, find_field(each.field, known)) for each in relatives]


def _filter(relative: Relative, items: Sequence[Item], field: Field) -> Filter:
    values: Sequence[FilterValue | list[str]] = [_own(item, field) for item in items]
    if relative.relation in _SIGNS:
        return _ordered(relative, values, field)
    lists = (value if isinstance(value, list) else [value] for value in values)
    listed = tuple(dict.fromkeys(member for members in lists for member in members))
    if field.type is FieldType.STRINGS:
        shares = Or(tuple(Comparison(field.name, Op.CONTAINS, each) for each in listed))
        return shares if relative.relation is Relation.SAME else Not(shares)
    if relative.relation is Relation.SAME:
        return Comparison(field.name, Op.IN, listed)
    return And(tuple(Comparison(field.name, Op.NE, each) for each in listed))


def _ordered(relative: Relative, values: Sequence[FilterValue | list[str]], field: Field) -> Filter:
    is_less = relative.relation is Relation.LESS
    if field.type not in _ORDERED:
        raise InvalidQueryError(
            f"The field '{field.name}' ({field.type.value}) has no less and more.",
            hint="Name one of numbers or dates.",
            details={"field": field.name, "type": field.type.value},
        )
    if field.type is FieldType.DATE:
        if relative.margin:
            raise InvalidQueryError(
                f"The field '{field.name}' (date) takes no margin.",
                hint="Leave the margin out.",
                details={"field": field.name},
            )
        days = [value for value in values if isinstance(value, date)]
        day = min(days) if is_less else max(days)
        return Comparison(field.name, _SIGNS[relative.relation], day)
    numbers = [value for value in values if isinstance(value, int | float)]
    return _beyond(relative, min(numbers) if is_less else max(numbers), field)


def _beyond(relative: Relative, own: int | float, field: Field) -> Filter:
    """Numbers beyond the item's own: by any amount, or by the margin at least."""
    if not relative.margin:
        return Comparison(field.name, _SIGNS[relative.relation], own)
    margin = relative.margin * abs(own) if relative.is_share else relative.margin
    is_less = relative.relation is Relation.LESS
    bound = own - margin if is_less else own + margin
    if field.type is FieldType.INTEGER:
        bound = floor(bound) if is_less else ceil(bound)
    return Comparison(field.name, Op.LTE if is_less else Op.GTE, bound)


def _own(item: Item, field: Field) -> FilterValue | list[str]:
    """The item's value; InvalidQueryError if it has none."""
    value = getattr(item, field.name) if field.name in ITEM_FIELDS else item.fields.get(field.name)
    if value is None or value == [] or value == "":
        raise InvalidQueryError(
            f"The item {item.id!r} has no {field.name}, so that nothing can be compared with it.",
            hint=f"Leave {field.name} out, or choose another item.",
            details={"id": item.id, "field": field.name},
        )
    return value
