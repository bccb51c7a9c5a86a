"""Queries for what looks like items, as clients say them. Unknown keys are refused."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from api.requests import (
    MAX_PARTS,
    Arrangement,
    FieldNames,
    FilterString,
    ItemId,
    Text,
    refuse_too_much,
)
from search.filters.ast import Filter
from search.recommending import Relation, Relative, relative_from_text
from search.types import ItemPart, Query, QueryPart, TextPart


class SimilarArrangement(Arrangement):
    """Limits that items set by their own values, beside everything that a search takes."""

    but: Text | None = Field(
        None, description="How hits should differ, in words.", examples=["in red"]
    )
    less: FieldNames = Field(
        [], description="Fields of less than the item's own value: `price`, `price:5`, `price:10%`."
    )
    more: FieldNames = Field([], description="Fields of more than the item's own value.")
    same: FieldNames = Field([], description="Fields of the item's own value.")
    other: FieldNames = Field([], description="Fields of another value than the item's own.")
    own_products: bool = Field(
        False, description="Also other images of the products that the items belong to."
    )

    def relatives(self) -> list[Relative]:
        """What hits should be relative to the items; InvalidQueryError for a wrong margin."""
        said = {
            Relation.LESS: self.less,
            Relation.MORE: self.more,
            Relation.SAME: self.same,
            Relation.OTHER: self.other,
        }
        return [relative_from_text(how, each) for how, some in said.items() for each in some]

    def similar_query(self, items: Sequence[ItemPart], filter: Filter | None) -> Query:
        """The query as the engine wants it; raises as `Query` does."""
        texts: list[QueryPart] = [TextPart(self.but)] if self.but is not None else []
        return self.query((*items, *texts), filter)


class SimilarParameters(SimilarArrangement):
    """A query for what looks like one item, as an address says it."""

    filter: FilterString | None = Field(
        None,
        description="The short text form of a filter.",
        examples=["colour=red price<50", "tags:summer"],
    )


class LikedItem(BaseModel):
    """An item, and how much it weighs among the others."""

    model_config = ConfigDict(extra="forbid")

    id: ItemId
    weight: float = Field(1.0, ge=-100, le=100, description="Negative: away from it. Not zero.")


class SimilarBody(SimilarArrangement):
    """A query for what looks like several items together."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"items": [{"id": "v0001"}, {"id": "v0137", "weight": 0.5}], "limit": 5},
                {"items": [{"id": "v0001"}], "less": ["price:10%"], "same": ["kind"]},
                {"items": [{"id": "v0394"}], "but": "in blue", "other": ["colour"]},
            ]
        },
    )

    items: list[LikedItem] = Field(min_length=1, max_length=MAX_PARTS)
    filter: dict[str, JsonValue] | FilterString | None = Field(
        None, description="The JSON form, or the short text form: `colour=red price<50`."
    )

    @model_validator(mode="before")
    @classmethod
    def _not_too_much(cls, body: object) -> object:
        return refuse_too_much(body)
