"""What comes over the wire: queries as clients say them. Unknown keys of a body are refused."""

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from api import filter_examples
from search.errors import EmptyQueryError, ImageUnreadableError, InvalidQueryError
from search.filters.ast import Filter
from search.ranking.texts import boost_from_text, sort_from_text
from search.types import (
    MAX_FIELDS,
    MAX_LIMIT,
    MAX_RELEVANT,
    MAX_RERANKED,
    MAX_WITHOUT,
    Box,
    By,
    FacetsOver,
    ImagePart,
    ItemPart,
    Mode,
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
ImageUrl = Annotated[
    str,
    Field(
        max_length=2_000,
        description="Address of an image on the web (http or https), where the service fetches "
        "such: VITRINE_IMAGE_URLS.",
        examples=["https://example.com/dress.jpg"],
    ),
]
Crop = Annotated[
    list[float],
    Field(
        min_length=4,
        max_length=4,
        description="The part of the image, or of the item's, that counts: left, top, right, "
        "bottom, in fractions of its width and height as it is seen.",
        examples=[[0, 0, 0.5, 1]],
    ),
]
CropText = Annotated[
    str,
    Field(
        max_length=200,
        description="The part of the image that counts: left,top,right,bottom, in fractions of its "
        "width and height as it is seen.",
        examples=["0,0,0.5,1"],
    ),
]
ItemId = Annotated[str, Field(max_length=10_000, description="Id of an item of the collection.")]


class PartBody(BaseModel):
    """One part of a query: a text, an image or an item, and how much it weighs."""

    model_config = ConfigDict(extra="forbid")

    text: Text | None = None
    image: Base64Image | None = None
    image_url: ImageUrl | None = None
    item: ItemId | None = None
    crop: Crop | None = None
    weight: float = Field(1.0, ge=-100, le=100, description="Negative: away from it. Not zero.")

    @property
    def said(self) -> list[str]:
        """What the part is, of all that it could be."""
        could_be = (self.text, self.image, self.image_url, self.item)
        return [value for value in could_be if value is not None]

    @property
    def box(self) -> Box | None:
        """The part of the image that counts; raises as `Box` does."""
        return None if self.crop is None else Box(*self.crop)

    def check(self) -> None:
        """InvalidQueryError unless it is exactly one thing, with a crop only of a picture."""
        if len(self.said) != 1:
            raise InvalidQueryError(
                f"A part of the query has {len(self.said)} of text, image, image_url and item.",
                hint="Give exactly one of them in each part.",
            )
        if self.box is not None and self.text is not None:
            raise InvalidQueryError(
                "The query has a crop without an image or item.", hint="Give it beside one of them."
            )

    @property
    def cropped_item(self) -> str | None:
        """Id of the item whose picture has to be read, because only a part of it counts."""
        return self.item if self.crop is not None else None

    def part(self, fetched: Mapping[str, bytes], pictures: Mapping[str, bytes]) -> QueryPart:
        """A part that was checked, as the engine wants it.

        `fetched` has the image at each address, `pictures` that of each item with a crop.

        Raises:
            ImageUnreadableError: the image is not base64.
        """
        if self.image is not None:
            return ImagePart(decoded(self.image), self.weight, self.box)
        if self.image_url is not None:
            return ImagePart(fetched[self.image_url], self.weight, self.box)
        if self.text is not None:
            return TextPart(self.text, self.weight)
        if self.cropped_item is not None:
            return ImagePart(pictures[self.cropped_item], self.weight, self.box)
        return ItemPart(self.said[0], self.weight)


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

    mode: Mode = Field(
        "visual",
        description="Compare a text with pictures (`visual`), with the words of titles and text "
        "fields (`text`), or with both (`hybrid`).",
    )

    rerank: Annotated[str, Field(max_length=100)] | None = Field(
        None,
        description="A second stage that reorders the first hits, one of those that the service "
        "has: VITRINE_RERANKERS.",
        examples=["late-interaction"],
    )
    rerank_depth: int = Field(100, ge=1, le=MAX_RERANKED, description="How many it reorders.")
    explain: bool = Field(False, description="Say what each part of the query gave to each hit.")

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
            mode=self.mode,
            rerank=self.rerank,
            rerank_depth=self.rerank_depth,
            explain=self.explain,
        )


class SearchParameters(Arrangement):
    """A query by text, as an address says it."""

    q: Text = Field("", description="What to look for.", examples=["red floral dress"])
    filter: FilterString | None = Field(
        None,
        description="The short text form of a filter.",
        examples=filter_examples.TEXT_FORM,
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
                {"text": "northpeak sneakers", "mode": "hybrid"},
                {"item": "v0086", "crop": [0, 0, 1, 0.5]},
                {"text": "red floral dress", "explain": True},
            ]
        },
    )

    text: Text | None = None
    image: Base64Image | None = None
    image_url: ImageUrl | None = None
    item: ItemId | None = None
    crop: Crop | None = None
    parts: list[PartBody] | None = Field(None, max_length=MAX_PARTS)
    filter: dict[str, JsonValue] | FilterString | None = Field(
        None,
        description="The JSON form, or the short text form: `colour=red price<50`.",
        examples=[*filter_examples.JSON_FORM, *filter_examples.TEXT_FORM],
    )

    @model_validator(mode="before")
    @classmethod
    def _not_too_much(cls, body: object) -> object:
        return refuse_too_much(body)

    def all_parts(self) -> list[PartBody]:
        """The parts as they were given, checked.

        Raises:
            EmptyQueryError: nothing was given.
            InvalidQueryError: more than one of text, image, image_url, item and parts was given,
                or a crop that is none.
        """
        single = PartBody(
            text=self.text,
            image=self.image,
            image_url=self.image_url,
            item=self.item,
            crop=self.crop,
        )
        has_single = bool(single.said) or self.crop is not None
        if self.parts is None and not has_single:
            raise EmptyQueryError(
                "The query is empty.", hint="Give text, image, image_url, item or parts."
            )
        if self.parts is not None and has_single:
            raise InvalidQueryError(
                "The query has parts and also a text, image, item or crop beside them.",
                hint="Make it one of the parts.",
            )
        parts = [single] if self.parts is None else self.parts
        for part in parts:
            part.check()
        return parts


def decoded(image: str) -> bytes:
    """The bytes of a base64 text; ImageUnreadableError if it is none."""
    try:
        return base64.b64decode(image, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ImageUnreadableError(
            "The image of the query is not base64.",
            hint="Encode the whole file, or upload it to POST /v1/search/image.",
        ) from error


def refuse_too_much(body: object) -> object:
    """The body as it was sent; raises PydanticCustomError for more than `MAX_VALUES` values.

    For before anything else: each value that does not fit would become a problem to report.
    """
    if count_values(body, MAX_VALUES) > MAX_VALUES:
        raise PydanticCustomError(
            "too_many_values", "more than {most} values in all", {"most": MAX_VALUES}
        )
    return body


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
