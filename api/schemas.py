"""What goes over the wire: requests, pages, errors. Unknown keys of a request are refused."""

import base64
import binascii
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from search.errors import EmptyQueryError, ImageUnreadableError, InvalidQueryError
from search.store.base import CollectionInfo
from search.types import (
    MAX_LIMIT,
    FieldType,
    FieldValue,
    Hit,
    ImagePart,
    Item,
    ItemPart,
    Page,
    QueryPart,
    TextPart,
)
from search.types import Field as CollectionField

THUMBNAIL_SIZE = 400
"""Pixels along the longer side of the picture that `thumbnail_url` leads to."""

MAX_PARTS = 16

MAX_VALUES = 10_000
"""Keys, list entries and plain values that the JSON of one request may hold in all."""

Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT, description="How many hits to return.")]
Offset = Annotated[int, Field(ge=0, le=MAX_LIMIT, description="How many hits to leave out first.")]
Text = Annotated[str, Field(max_length=20_000, description="What to look for, in words.")]
FilterString = Annotated[str, Field(max_length=10_000)]
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


class SearchBody(BaseModel):
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
    limit: Limit = 10
    offset: Offset = 0

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


class ItemOut(BaseModel):
    """An item of the catalogue."""

    id: str
    title: str
    product_id: str | None
    fields: dict[str, FieldValue] = Field(description="The typed columns: what filters may name.")
    extra: dict[str, Any] = Field(description="Whatever else the catalogue's row says.")
    thumbnail_url: str = Field(description="A small JPEG of the item's image.")

    @classmethod
    def of(cls, item: Item) -> "ItemOut":
        """The item as it goes out: everything but where its image file lies."""
        return cls(**_item_values(item))


class HitOut(ItemOut):
    """An item and its cosine similarity to the query."""

    score: float = Field(description="Cosine similarity, -1 to 1, higher is better.")

    @classmethod
    def of_hit(cls, hit: Hit) -> "HitOut":
        """The hit as it goes out."""
        return cls(score=hit.score, **_item_values(hit.item))


class PageOut(BaseModel):
    """A slice of the ranking, best first."""

    hits: list[HitOut]
    limit: int
    offset: int
    collection: str
    model: str
    warnings: list[str] = Field(description="What was done to the query that you may not expect.")
    took_ms: dict[str, float] = Field(description="Milliseconds by stage, and in total.")

    @classmethod
    def of(cls, page: Page) -> "PageOut":
        """The page as it goes out."""
        return cls(
            hits=[HitOut.of_hit(hit) for hit in page.hits],
            limit=page.limit,
            offset=page.offset,
            collection=page.collection,
            model=page.model,
            warnings=list(page.warnings),
            took_ms=dict(page.took_ms),
        )


class FieldOut(BaseModel):
    """A field that filters may name."""

    name: str
    type: FieldType


class ModelOut(BaseModel):
    """The embedding space of a collection."""

    name: str
    fingerprint: str
    dim: int


class CollectionOut(BaseModel):
    """A collection of the database."""

    name: str
    aliases: list[str]
    items: int
    model: ModelOut
    fields: list[FieldOut]
    served: bool = Field(description="Whether this service searches it.")

    @classmethod
    def of(
        cls, info: CollectionInfo, fields: tuple[CollectionField, ...], *, served: bool
    ) -> "CollectionOut":
        """The collection as it goes out; `fields` is everything that filters may name."""
        return cls(
            name=info.name,
            aliases=list(info.aliases),
            items=info.count,
            model=ModelOut(
                name=info.model.name, fingerprint=info.model.fingerprint, dim=info.model.dim
            ),
            fields=[FieldOut(name=field.name, type=field.type) for field in fields],
            served=served,
        )


class CollectionsOut(BaseModel):
    """All collections, by name."""

    collections: list[CollectionOut]


class HealthOut(BaseModel):
    """The process is alive."""

    status: Literal["ok"] = "ok"
    version: str


class BehindOut(BaseModel):
    """A newer version that is live, and that this service does not search yet."""

    collection: str
    model: str
    reason: str | None = Field(
        description="Why its model could not be loaded; null while it is being loaded."
    )


class ReadyOut(BaseModel):
    """The service can answer queries."""

    status: Literal["ready"] = "ready"
    collection: str
    model: str
    items: int
    behind: BehindOut | None = Field(
        None, description="Set while an earlier version than the live one answers."
    )


class ErrorBody(BaseModel):
    """What went wrong: `code` is stable and for programs, `message` is for people."""

    code: str
    message: str
    details: dict[str, Any]
    request_id: str


class ErrorResponse(BaseModel):
    """The shape of every answer that is not a success."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "error": {
                        "code": "unknown_field",
                        "message": "There is no field 'color'. Known fields: colour, kind, price.",
                        "details": {"field": "color"},
                        "request_id": "5d0c1a2be0f94b6fa1c6c0e0a8b1f3d2",
                    }
                }
            ]
        }
    )

    error: ErrorBody


def thumbnail_url(id: str) -> str:
    """The address of an item's small picture; the id is one percent-encoded segment."""
    return f"/v1/items/{quote(id, safe='')}/image?size={THUMBNAIL_SIZE}"


def _item_values(item: Item) -> dict[str, Any]:
    return {
        "id": item.id,
        "title": item.title,
        "product_id": item.product_id,
        "fields": dict(item.fields),
        "extra": dict(item.extra),
        "thumbnail_url": thumbnail_url(item.id),
    }
