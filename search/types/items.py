"""What a catalogue is made of: typed fields and items."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

FieldValue = str | int | float | bool | date | list[str] | None


class FieldType(StrEnum):
    """The types that a catalogue's column can have."""

    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    DATE = "date"
    STRINGS = "strings"


@dataclass(frozen=True, slots=True)
class Field:
    """A typed column of the collection: people filter, sort and facet by it."""

    name: str
    type: FieldType


@dataclass(frozen=True, slots=True)
class Item:
    """One image of a catalogue with everything its row says.

    `fields` holds the typed columns, `extra` whatever else the row had (JSON values). A value of
    None means that the row says nothing about it.
    """

    id: str
    image: str
    title: str = ""
    product_id: str | None = None
    fields: Mapping[str, FieldValue] = field(default_factory=dict)
    extra: Mapping[str, object] = field(default_factory=dict)
