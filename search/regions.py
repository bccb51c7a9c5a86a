"""Collections in which parts of pictures are searched as well as whole ones.

Such a collection has a field `image_region`. Each picture is an entity for the whole (its value is
`whole`) and one for every region of it, with the same fields, the box as its value, and the id
`ID@BOX`: `v0137@0,0,0.5,0.5`. Queries answer with items: each stands where its best entity does,
and its hit says which region that was. What is counted over a filter is whole pictures.
"""

from collections.abc import Sequence
from dataclasses import replace

from search.filters.ast import And, Comparison, Filter, Not, Op, Or
from search.types import Box, Field, FieldType, FieldValue, Hit, Item

REGION = Field("image_region", FieldType.STRING)
"""The field that says which part of its picture an entity is."""

WHOLE = "whole"
"""Its value for whole pictures."""

WHOLES = Comparison(REGION.name, Op.EQ, WHOLE)
"""The filter that leaves each item once."""


def has_regions(fields: Sequence[Field]) -> bool:
    """Whether a collection with these fields holds parts of pictures."""
    return REGION in fields


def each_item_once(fields: Sequence[Field]) -> Filter | None:
    """The filter that leaves out parts of pictures; None where there are none to leave out."""
    return WHOLES if has_regions(fields) else None


def region_id(id: str, box: Box) -> str:
    """The id of the entity for a region of an item's picture."""
    return f"{id}@{box}"


def item_id(id: str, region: FieldValue) -> str:
    """The id of the item that an entity belongs to, by the value of its region."""
    return id if region in (None, WHOLE) else id.removesuffix(f"@{region}")


def is_part(item: Item) -> bool:
    """Whether an entity of the store is a part of an item's picture, and not an item of its own."""
    return item.fields.get(REGION.name) not in (None, WHOLE)


def names_regions(filter: Filter | None) -> bool:
    """Whether a filter asks for regions itself."""
    match filter:
        case None:
            return False
        case And(operands) | Or(operands):
            return any(map(names_regions, operands))
        case Not(operand):
            return names_regions(operand)
    return filter.field == REGION.name


def whole_item(item: Item) -> Item:
    """The item that an entity is, or is a part of, without saying which part."""
    region = item.fields.get(REGION.name)
    fields = {name: value for name, value in item.fields.items() if name != REGION.name}
    return replace(item, id=item_id(item.id, region), fields=fields)


def named_hit(hit: Hit) -> Hit:
    """A hit of an entity as one of its item, which says the region; its variants alike."""
    region = str(hit.item.fields[REGION.name]) if is_part(hit.item) else None
    return replace(
        hit,
        item=whole_item(hit.item),
        region=None if region is None else Box.from_text(region),
        variants=tuple(map(named_hit, hit.variants)),
    )
