"""Items as clients write them."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, model_validator

from api.requests import Base64Image, ImageUrl, ItemId, decoded, refuse_too_much
from indexer.items import MOST_TOGETHER, NewItem
from search.errors import InvalidQueryError

Columns = Annotated[dict[str, JsonValue], Field(max_length=1_000)]

EXAMPLE: dict[str, Any] = {
    "title": "Linen dress, red",
    "product_id": "p188",
    "fields": {"colour": "red", "price": 49.9, "in_stock": True, "tags": ["summer"]},
    "image_url": "https://example.com/dress.jpg",
}
_MOST_ADDRESSES = 16


class ItemBody(BaseModel):
    """What an item is to be: all of it, nothing of what it was stays but its image."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})

    title: str = Field("", max_length=20_000)
    product_id: str | None = Field(None, max_length=1_000)
    fields: Columns = Field(
        default_factory=dict,
        description="Values of the collection's fields, each of its field's type. What is no field "
        "of the collection is kept as `extra`.",
    )
    extra: Columns = Field(
        default_factory=dict, description="More columns: the same as if they stood in `fields`."
    )
    image: Base64Image | None = None
    image_url: ImageUrl | None = None

    @model_validator(mode="before")
    @classmethod
    def _not_too_much(cls, body: object) -> object:
        return refuse_too_much(body)

    def new_item(self, id: str, fetched: bytes | None = None) -> NewItem:
        """The item, as it is written; `fetched` is the image at `image_url`.

        Raises:
            InvalidQueryError: `image` beside `image_url`, or a column in `fields` and in `extra`.
            ImageUnreadableError: the image is not base64.
        """
        if self.image is not None and self.image_url is not None:
            raise InvalidQueryError(
                "The item has image and image_url.", hint="Give one of them.", details={"id": id}
            )
        if both := sorted(set(self.fields) & set(self.extra)):
            raise InvalidQueryError(
                f"The item has columns in fields and in extra: {', '.join(both)}.",
                hint="Name each in one of them.",
                details={"id": id, "columns": both},
            )
        return NewItem(
            id,
            {**self.fields, **self.extra},
            self.title,
            self.product_id,
            self.image_url,
            fetched if self.image is None else decoded(self.image),
        )


class BatchItemBody(ItemBody):
    """One of several items."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"id": "v0500", **EXAMPLE}]}
    )

    id: ItemId


class BatchBody(BaseModel):
    """Items to write, and ids of items to delete."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "upsert": [
                        {"id": "v0137", "title": "Striped shirt", "fields": {"price": 25.0}},
                        {"id": "v0500", **EXAMPLE},
                    ],
                    "delete": ["v0001"],
                }
            ]
        },
    )

    upsert: list[BatchItemBody] = Field([], max_length=MOST_TOGETHER)
    delete: list[ItemId] = Field([], max_length=MOST_TOGETHER)

    @model_validator(mode="before")
    @classmethod
    def _not_too_much(cls, body: object) -> object:
        return refuse_too_much(body)

    def check(self) -> None:
        """InvalidQueryError for too much, nothing, or one id twice."""
        ids = [item.id for item in self.upsert] + self.delete
        if not 1 <= len(ids) <= MOST_TOGETHER:
            raise InvalidQueryError(
                f"The batch names {len(ids)} items.", hint=f"Name 1 to {MOST_TOGETHER}."
            )
        if twice := sorted({id for id in ids if ids.count(id) > 1}):
            raise InvalidQueryError(
                f"The batch names an item twice: {', '.join(twice)}.",
                hint="Name each once.",
                details={"ids": twice},
            )
        addresses = sum(item.image_url is not None for item in self.upsert)
        if addresses > _MOST_ADDRESSES:
            raise InvalidQueryError(
                f"The batch names {addresses} images by address.",
                hint=f"Name at most {_MOST_ADDRESSES}, or send the images themselves.",
            )


def item_body(text: str | None) -> ItemBody | None:
    """The item of a form's field, JSON text; raises InvalidQueryError if it does not fit."""
    if text is None or not text.strip():
        return None
    try:
        return _ITEM.validate_json(text)
    except ValueError as error:
        raise InvalidQueryError(
            "The form's field item is not the JSON of an item.",
            hint="Give title, product_id, fields and extra, as PUT /v1/items/{id} takes them.",
            details={"reason": _first_line(error)},
        ) from None


_ITEM = TypeAdapter(ItemBody)


def _first_line(error: ValueError) -> str:
    problems = getattr(error, "errors", None)
    if problems is None:
        return "it is no JSON"
    first = problems(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
