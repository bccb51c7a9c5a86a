"""What goes over the wire: items, pages, collections, errors."""

from dataclasses import asdict
from datetime import date
from typing import Any, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from search.ranking.facets import MOST_VALUES
from search.store.base import CollectionInfo
from search.types import MAX_VARIANTS, Facet, FieldType, FieldValue, Hit, Item, Page
from search.types import Field as CollectionField

THUMBNAIL_SIZE = 400
"""Pixels along the longer side of the picture that `thumbnail_url` leads to."""


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


class VariantOut(ItemOut):
    """An item and its cosine similarity to the query."""

    score: float = Field(description="Cosine similarity, -1 to 1, higher is better.")
    region: tuple[float, float, float, float] | None = Field(
        description="The part of the picture that matched: left, top, right, bottom, in fractions "
        "of it. Null where that is the whole."
    )
    relevance: float | None = Field(description="0 to 1; null unless asked for.")


class ContributionOut(BaseModel):
    """What one part of the query gave to a hit: added up, they are what it is ranked by."""

    kind: str = Field(
        description="text, image, item, change, without, words, rerank or boost.",
        examples=["text"],
    )
    said: str = Field(
        description="The text, or the item's id; empty where there is nothing to say.",
        examples=["red floral dress"],
    )
    value: float = Field(examples=[0.31])


class HitOut(VariantOut):
    """A hit: an item, and what it stands for."""

    boost: float = Field(description="What boosts added to the score.")
    fused: float | None = Field(
        description="What the hit is ranked by in the modes `text` and `hybrid`; null in `visual`."
    )
    rerank: float | None = Field(
        description="What the reranker says of it, on a scale of its own; null where it says "
        "nothing, or none was asked for."
    )
    lift: float = Field(description="What the reranker adds to what the hit is ranked by.")
    contributions: list[ContributionOut] = Field(
        description="What it is ranked by, taken apart; empty unless asked for."
    )
    variants: list[VariantOut] = Field(
        description=f"Other images of the product, or nearly the same: the best {MAX_VARIANTS}."
    )
    variant_count: int = Field(description="How many variants there are in all.")

    @classmethod
    def of_hit(cls, hit: Hit) -> "HitOut":
        """The hit as it goes out."""
        variants = [
            VariantOut(
                score=v.score, region=_region(v), relevance=v.relevance, **_item_values(v.item)
            )
            for v in hit.variants
        ]
        return cls(
            score=hit.score,
            region=_region(hit),
            boost=hit.boost,
            fused=hit.fused,
            rerank=hit.rerank,
            lift=hit.lift,
            contributions=[ContributionOut(**asdict(each)) for each in hit.contributions],
            variants=variants,
            variant_count=hit.variant_count,
            relevance=hit.relevance,
            **_item_values(hit.item),
        )


class FacetValueOut(BaseModel):
    """A value and how many hits have it."""

    value: str | bool
    count: int


class FacetRangeOut(BaseModel):
    """`start <= value < end`, and how many hits lie there."""

    start: int | float | date
    end: int | float | date
    count: int


class FacetOut(BaseModel):
    """How the values of a field are spread."""

    field: str
    values: list[FacetValueOut] = Field(
        description=f"Texts and booleans, most frequent first: the first {MOST_VALUES}."
    )
    ranges: list[FacetRangeOut] = Field(description="Numbers and dates, in ascending order.")
    distinct: int = Field(description="How many different values there are.")
    missing: int = Field(description="How many hits have no value.")

    @classmethod
    def of(cls, facet: Facet) -> "FacetOut":
        """The facet as it goes out."""
        return cls.model_validate(asdict(facet))


class PageOut(BaseModel):
    """A slice of the ranking, best first."""

    hits: list[HitOut]
    limit: int
    offset: int
    total: int | None = Field(description="How many hits all pages have; null unless asked for.")
    total_is_exact: bool = Field(description="If not, there are at least so many.")
    facets: list[FacetOut]
    relevance: float | None = Field(
        description="How likely the collection has what the query asks for, 0 to 1: below 0.5 "
        "there is no good match. Null unless asked for."
    )
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
            total=page.total,
            total_is_exact=page.total_is_exact,
            facets=[FacetOut.of(facet) for facet in page.facets],
            relevance=page.relevance,
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


def _region(hit: Hit) -> tuple[float, float, float, float] | None:
    return None if hit.region is None else hit.region.edges


def _item_values(item: Item) -> dict[str, Any]:
    return {
        "id": item.id,
        "title": item.title,
        "product_id": item.product_id,
        "fields": dict(item.fields),
        "extra": dict(item.extra),
        "thumbnail_url": thumbnail_url(item.id),
    }
