"""What comes over the wire beside searches: facets, many at once, what to embed, feedback."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.requests import Base64Image, ItemId, SearchBody, Text, refuse_too_much
from search.errors import InvalidQueryError
from search.labelling.attributes import MOST_VALUES
from search.types import MAX_LIMIT

MOST_QUERIES = 32
MOST_ADDRESSES = 16
"""Most images that the queries of one batch may name by address, or by a crop of an item."""

MOST_TEXTS = 64
MOST_IMAGES = 16
MOST_ITEMS = 100
MOST_ATTRIBUTES = 8
MOST_PROMPTS = 16

Images = Annotated[list[Base64Image], Field(max_length=MOST_IMAGES)]
Label = Annotated[str, Field(min_length=1, max_length=200)]
FeedbackKind = Literal["click", "cart", "purchase", "dismissed"]


class _Bounded(BaseModel):
    """A body with an end."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _not_too_much(cls, body: object) -> object:
        return refuse_too_much(body)


class FacetsBody(SearchBody):
    """The body of a search. Without text, image, item and parts: all that satisfies the filter."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"facets": ["colour", "price"], "filter": "in_stock=true"},
                {"facets": ["kind"], "by": "product", "filter": {"colour": ["red", "blue"]}},
                {"text": "dress", "facets": ["colour"], "facets_over": "relevant"},
            ]
        },
    )

    @property
    def asks_nothing(self) -> bool:
        """Whether there is nothing to rank by."""
        could_be = (self.text, self.image, self.image_url, self.item, self.crop, self.parts)
        return all(value is None for value in could_be)

    def check(self) -> None:
        """InvalidQueryError for no facets, or facets of a ranking that nothing gives."""
        if not self.facets:
            raise InvalidQueryError("There are no facets to count.", hint="Name fields in facets.")
        if self.asks_nothing and (self.facets_over == "relevant" or self.without):
            raise InvalidQueryError(
                "Without a query nothing is relevant or excluded.",
                hint="Give text, image, item or parts; or leave out facets_over and without.",
            )


class BatchSearchBody(_Bounded):
    """Several searches, each as POST /v1/search takes it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "queries": [
                        {"text": "red floral dress", "limit": 3},
                        {"item": "v0086", "limit": 3, "filter": "price<80"},
                    ]
                }
            ]
        },
    )

    queries: list[SearchBody] = Field(min_length=1, max_length=MOST_QUERIES)

    def check(self) -> None:
        """InvalidQueryError if they ask for too much together."""
        hits = sum(query.limit for query in self.queries)
        if hits > MAX_LIMIT:
            raise InvalidQueryError(
                f"The queries ask for {hits:,} hits.", hint=f"Ask for at most {MAX_LIMIT:,} in all."
            )
        named = [part for query in self.queries for part in (query, *(query.parts or ()))]
        pictures = sum(
            part.image_url is not None or (part.item is not None and part.crop is not None)
            for part in named
        )
        if pictures > MOST_ADDRESSES:
            raise InvalidQueryError(
                f"The queries name {pictures} images by address, or by a crop of an item.",
                hint=f"Name at most {MOST_ADDRESSES}, or send the images themselves.",
            )


class EmbedBody(_Bounded):
    """Texts and images to embed."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"texts": ["red floral dress"], "encoding": "base64"}]},
    )

    texts: list[Text] = Field([], max_length=MOST_TEXTS)
    images: Images = []
    encoding: Literal["list", "base64"] = Field(
        "list", description="Vectors as lists of numbers, or as little-endian float32 in base64."
    )

    def check(self) -> None:
        """InvalidQueryError for nothing."""
        if not self.texts and not self.images:
            raise InvalidQueryError("There is nothing to embed.", hint="Give texts or images.")


class ClassifyBody(_Bounded):
    """What is to be labelled, and with what."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"items": ["v0086"], "attributes": ["colour", "pattern"], "top": 1},
                {"items": ["v0086", "v0137"], "labels": ["dress", "shirt", "shoes"]},
                {"items": ["v0086"], "labels": ["dress", "floral", "leather"], "several": True},
            ]
        },
    )

    images: Images = []
    items: list[ItemId] = Field([], max_length=MOST_ITEMS)
    labels: list[Label] = Field(
        [], max_length=MOST_VALUES, description="Words of your own, of which one fits best."
    )
    attributes: list[Label] = Field(
        [],
        max_length=MOST_ATTRIBUTES,
        description="Instead of labels: what vitrine knows, such as colour, pattern, kind.",
    )
    prompts: list[Label] = Field(
        [],
        max_length=MOST_PROMPTS,
        description="How labels are asked about; `{}` stands for the label.",
        examples=[["a photo of a {}", "{} for sale"]],
    )
    several: bool = Field(False, description="Judge each label by itself: any number may fit.")
    top: int = Field(3, ge=1, le=MOST_VALUES, description="How many labels, of each attribute.")

    def check(self) -> None:
        """InvalidQueryError for what cannot be labelled, or labelled with."""
        for fits, said, hint in (
            (self.images or self.items, "There is nothing to label.", "Give images or items."),
            (
                bool(self.labels) != bool(self.attributes),
                "Labels are given in one way.",
                "Give labels, or attributes.",
            ),
            (
                not self.labels or len(self.labels) > 1,
                "One label alone says nothing.",
                "Give 2 labels at least; all the others may be 'other'.",
            ),
            (
                len({label.strip().lower() for label in self.labels}) == len(self.labels),
                "A label is there twice.",
                "Give each once.",
            ),
            (
                all(any(mark.isalnum() for mark in label) for label in self.labels),
                "A label has no word.",
                "Take it out.",
            ),
            (self.labels or not self.prompts, "Prompts are for labels.", "Leave them out."),
            (
                all(map(_is_prompt, self.prompts)),
                "A prompt has no place for the label.",
                "Write {} once in each: a photo of a {}.",
            ),
        ):
            if not fits:
                raise InvalidQueryError(said, hint=hint)


class FeedbackBody(BaseModel):
    """Somebody chose a hit, or dismissed it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "request_id": "5d0c1a2be0f94b6fa1c6c0e0a8b1f3d2",
                    "item": "v0086",
                    "kind": "click",
                    "rank": 1,
                },
                {"query": "red floral dress", "item": "v0086", "kind": "purchase"},
            ]
        },
    )

    request_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] | None = Field(
        None, description="The `X-Request-ID` that the search was answered with."
    )
    query: Annotated[str, Field(min_length=1, max_length=1_000)] | None = Field(
        None, description="Or the text that was searched for."
    )
    item: ItemId
    kind: FeedbackKind
    rank: int | None = Field(
        None, ge=1, le=16_384, description="Where the hit stood, from 1 at the top."
    )

    def check(self) -> None:
        """InvalidQueryError unless it says of which search it is, in one way."""
        if (self.request_id is None) == (self.query is None):
            raise InvalidQueryError(
                "Feedback has exactly one of request_id and query.",
                hint="request_id is the X-Request-ID of the search's answer.",
            )


def _is_prompt(prompt: str) -> bool:
    return prompt.count("{}") == 1 and "{" not in prompt.replace("{}", "")
