"""What comes over the wire: queries as clients say them. Unknown keys of a body are refused."""

import base64
import binascii
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from search.errors import EmptyQueryError, ImageUnreadableError, InvalidQueryError
from search.filters.ast import Filter
from search.ranking.texts import boost_from_text, sort_from_text
from search.types import (
    MAX_FIELDS,
    MAX_LIMIT,
    MAX_RELEVANT,
    MAX_WITHOUT,
    By,
    FacetsOver,
    ImagePart,
    ItemPart,
    Query,
    QueryPart,
    TextPart,
)

MAX_PARTS = 16

MAX_VALUES = 10_000
"""Keys, list entries and plain values that the JSON of one request may hold in all."""

Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT, description="How many hits to return.")]
Offset = Annotated[int, Field(ge=0, le=MAX_LIMIT, description="How many hits to leave out first.")]
Text = Annotated[str, Field(max_length=20_000, description="What to look for, in words.")]
FilterString = Annotated[str, Field(max_length=10_000)]
FieldNames = Annotated[list[Annotated[str, Field(max_length=1_000)]], Field(max_length=MAX_FIELDS)]
Phrases = Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=MAX_WITHOUT)]
Base64Image = Annotated[str, Field(description="An image file, base64-encoded.")]
ItemId = Annotated[str, Field(max_length=10_000, description="Id of an item of the collection.")]


class PartBody(BaseModel):
    """One part of a query: a text, an image or an item, and how much it weighs."""

    model_config = ConfigDict(extra="forbid")

    text: Text | None = None
    image: Base64Image | None = None
    item: ItemId | None = None
    weight: float = Field(1.0, ge=-100, le=100, description="Negative: away from it. Not zero.")

    def part(self) -> QueryPart:
        """The part as the engine wants it; InvalidQueryError unless it is exactly one thing."""
        given = [value for value in (self.text, self.image, self.item) if value is not None]
        if len(given) != 1:
            raise InvalidQueryError(
                f"A part of the query has {len(given)} of text, image and item.",
                hint="Give exactly one of them in each part.",
            )
        if self.text is not None:
            return TextPart(self.text, self.weight)
        if self.image is not None:
            return ImagePart(decoded(self.image), self.weight)
        return ItemPart(given[0], self.weight)


class Arrangement(BaseModel):
    """Which slice of the ranking, how it is arranged, and what is counted."""

    model_config = ConfigDict(extra="forbid")

    limit: Limit = 10
    offset: Offset = 0
    by: By = Field("item", description="`product`: one hit for each, with its other images.")
    sort: FieldNames = Field(
        [], description="Order the relevant set by fields; `-price`: the largest first."
    )
    boosts: FieldNames = Field(
        [], description="Numbers or booleans that move hits up, with weights: `popularity:0.1`."
    )
    diversity: float = Field(0.0, ge=0, le=1, description="How much hits differ from those before.")
    collapse_duplicates: bool = Field(
        False, description="Pictures that are nearly the same are one hit."
    )
    relevant: int = Field(
        200, ge=1, le=MAX_RELEVANT, description="How many candidates are arranged."
    )
    facets: FieldNames = Field([], description="Fields whose values are counted.")
    facets_over: FacetsOver = Field(
        "filter", description="Count all items that satisfy the filter, or the relevant set."
    )
    facets_ignore_own: bool = Field(
        True, description="A facet leaves out what the filter asks of its own field."
    )
    total: bool = Field(False, description="Count the hits of all pages.")
    without: Phrases = Field([], description="What no hit may show, in words.")
    literal: bool = Field(
        False, description="Take texts as they stand: read no negation or change out of them."
    )
    relevance: bool = Field(False, description="Say how relevant the query and its hits are.")
    min_relevance: float | None = Field(
        None, ge=0, le=1, description="Leave out hits that are less relevant."
    )

    def query(self, parts: tuple[QueryPart, ...], filter: Filter | None) -> Query:
        """The query as the engine wants it; raises as `Query` does."""
        return Query(
            parts,
            filter=filter,
            limit=self.limit,
            offset=self.offset,
            by=self.by,
            sort=tuple(map(sort_from_text, self.sort)),
            boosts=tuple(map(boost_from_text, self.boosts)),
            diversity=self.diversity,
            collapse_duplicates=self.collapse_duplicates,
            relevant=self.relevant,
            facets=tuple(self.facets),
            facets_over=self.facets_over,
            facets_ignore_own=self.facets_ignore_own,
            total=self.total,
            without=tuple(self.without),
            literal=self.literal,
            relevance=self.relevance,
            min_relevance=self.min_relevance,
        )


class SearchParameters(Arrangement):
    """A query by text, as an address says it."""

    q: Text = Field("", description="What to look for.", examples=["red floral dress"])
    filter: FilterString | None = Field(
        None,
        description="The short text form of a filter.",
        examples=["colour=red price<50", "tags:summer"],
    )


class SearchBody(Arrangement):
    """A query: `text`, `image` or `item`, or several weighted `parts`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"text": "red floral dress", "limit": 5},
                {"text": "sneakers", "filter": {"price": {"lt": 80}, "colour": ["white", "blue"]}},
                {
                    "parts": [{"item": "p0001-red"}, {"text": "in blue", "weight": 0.5}],
                    "filter": "in_stock=true",
                },
                {"text": "dress", "by": "product", "facets": ["colour", "price"], "total": True},
                {"text": "dress, not floral", "without": ["red"], "min_relevance": 0.5},
            ]
        },
    )

    text: Text | None = None
    image: Base64Image | None = None
    item: ItemId | None = None
    parts: list[PartBody] | None = Field(None, max_length=MAX_PARTS)
    filter: dict[str, JsonValue] | FilterString | None = Field(
        None, description="The JSON form, or the short text form: `colour=red price<50`."
    )

    @model_validator(mode="before")
    @classmethod
    def _not_too_much(cls, body: object) -> object:
        # Before anything else: each value that does not fit would become a problem to report.
        if count_values(body, MAX_VALUES) > MAX_VALUES:
            raise PydanticCustomError(
                "too_many_values", "more than {most} values in all", {"most": MAX_VALUES}
            )
        return body

    def query_parts(self) -> tuple[QueryPart, ...]:
        """The parts as the engine wants them.

        Raises:
            EmptyQueryError: nothing was given.
            InvalidQueryError: more than one of text, image, item and parts was given.
            ImageUnreadableError: the image is not base64.
        """
        single = PartBody(text=self.text, image=self.image, item=self.item)
        has_single = any(value is not None for value in (self.text, self.image, self.item))
        if self.parts is None:
            if not has_single:
                raise EmptyQueryError(
                    "The query is empty.", hint="Give text, image, item or parts."
                )
            return (single.part(),)
        if has_single:
            raise InvalidQueryError(
                "The query has parts and also a text, image or item beside them.",
                hint="Make it one of the parts.",
            )
        return tuple(part.part() for part in self.parts)


def decoded(image: str) -> bytes:
    """The bytes of a base64 text; ImageUnreadableError if it is none."""
    try:
        return base64.b64decode(image, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ImageUnreadableError(
            "The image of the query is not base64.",
            hint="Encode the whole file, or upload it to POST /v1/search/image.",
        ) from error


def count_values(body: object, most: int) -> int:
    """How many keys, entries and values parsed JSON has in all; it stops once past `most`."""
    count, waiting = 0, [body]
    while waiting and count <= most:
        value = waiting.pop()
        if isinstance(value, dict):
            count += len(value)
            waiting.extend(value.values() if len(value) <= most else ())
        elif isinstance(value, list):
            count += len(value)
            waiting.extend(value if len(value) <= most else ())
        else:
            count += 1
    return count
