"""The nouns of vitrine: fields, items, queries, hits and pages. All of them frozen."""

from search.types.box import Box
from search.types.items import Field, FieldType, FieldValue, Item
from search.types.page import MAX_VARIANTS, Contribution, Facet, FacetRange, FacetValue, Hit, Page
from search.types.query import (
    MAX_FIELDS,
    MAX_LIMIT,
    MAX_RELEVANT,
    MAX_RERANKED,
    MAX_WITHOUT,
    Boost,
    By,
    FacetsOver,
    ImagePart,
    ItemPart,
    Mode,
    Query,
    QueryPart,
    Sort,
    TextPart,
    check_range,
)

__all__ = [
    "MAX_FIELDS",
    "MAX_LIMIT",
    "MAX_RELEVANT",
    "MAX_RERANKED",
    "MAX_VARIANTS",
    "MAX_WITHOUT",
    "Boost",
    "Box",
    "By",
    "Contribution",
    "Facet",
    "FacetRange",
    "FacetValue",
    "FacetsOver",
    "Field",
    "FieldType",
    "FieldValue",
    "Hit",
    "ImagePart",
    "Item",
    "ItemPart",
    "Mode",
    "Page",
    "Query",
    "QueryPart",
    "Sort",
    "TextPart",
    "check_range",
]
