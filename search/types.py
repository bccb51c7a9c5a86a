"""The nouns of vitrine: fields, items, queries, hits and pages. All of them frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path

from search.errors import EmptyQueryError, InvalidQueryError
from search.filters.ast import Filter

FieldValue = str | int | float | bool | date | list[str] | None

MAX_LIMIT = 16_384
"""Most hits that Milvus returns for one query, offset included."""


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


@dataclass(frozen=True, slots=True)
class TextPart:
    """A part of a query that is said in words."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class ImagePart:
    """A part of a query that is shown: a file's path or the bytes of one."""

    image: Path | bytes
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class ItemPart:
    """A part of a query that is an item of the collection; the item itself is not a hit."""

    id: str
    weight: float = 1.0


QueryPart = TextPart | ImagePart | ItemPart


@dataclass(frozen=True, slots=True)
class Query:
    """What somebody asks: one part or several, a filter, and which slice of the ranking.

    Raises:
        EmptyQueryError: no part, or a text without a word in it.
        InvalidQueryError: limit, offset or weights out of range.
    """

    parts: tuple[QueryPart, ...]
    filter: Filter | None = None
    limit: int = 10
    offset: int = 0

    def __post_init__(self) -> None:
        blank = any(isinstance(part, TextPart) and not part.text.strip() for part in self.parts)
        if not self.parts or blank:
            raise EmptyQueryError("The query is empty.", hint="Give a text, an image or an item.")
        check_range(self.limit, self.offset)
        if any(not -100 <= part.weight <= 100 or part.weight == 0 for part in self.parts):
            raise InvalidQueryError(
                "A query part has a weight of zero or out of range.",
                hint="Weights lie between -100 and 100 and are not zero.",
            )


def check_range(limit: int, offset: int) -> None:
    """InvalidQueryError unless Milvus can serve that slice of a ranking."""
    if limit >= 1 and offset >= 0 and limit + offset <= MAX_LIMIT:
        return
    raise InvalidQueryError(
        f"limit {limit} with offset {offset} is out of range.",
        hint=f"limit is at least 1, offset at least 0, their sum at most {MAX_LIMIT}.",
        details={"limit": limit, "offset": offset},
    )


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer: the item, and its cosine similarity to the query (-1..1, higher is better)."""

    item: Item
    score: float

    @property
    def id(self) -> str:
        """The item's id."""
        return self.item.id


@dataclass(frozen=True, slots=True)
class Page:
    """A slice of the ranking, best first; items of equal score are ordered by id.

    `warnings` says what was done to the query that the caller may not expect (a text cut at the
    model's context, say). `took_ms` is milliseconds by stage: resolve, encode, store, total.
    """

    hits: tuple[Hit, ...]
    limit: int
    offset: int
    collection: str
    model: str
    warnings: tuple[str, ...] = ()
    took_ms: Mapping[str, float] = field(default_factory=dict)
