"""Which fields a filter may name: the collection's typed columns and the three of every item."""

import difflib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from search.errors import UnknownFieldError

if TYPE_CHECKING:
    from search.types import Field

ITEM_FIELDS = ("id", "title", "product_id")
"""String fields that every collection has."""


def known_fields(fields: "Sequence[Field]") -> "Mapping[str, Field]":
    """The fields that a filter may name, by name: those of every item, then the given ones."""
    from search.types import Field, FieldType  # search.types itself needs the filters' nouns.

    every_item = {name: Field(name, FieldType.STRING) for name in ITEM_FIELDS}
    return every_item | {field.name: field for field in fields}


def find_field(name: str, known: "Mapping[str, Field]") -> "Field":
    """The field of that name; UnknownFieldError with the known ones and the likeliest otherwise."""
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    guess = f"Did you mean '{near[0]}'? " if near else ""
    raise UnknownFieldError(
        f"There is no field '{name}'.",
        hint=f"{guess}Fields: {', '.join(known)}.",
        details={"field": name, "known": list(known)},
    )
