"""The nouns of vitrine: fields, items, queries, hits and pages. All of them frozen."""

from search.types.items import Field, FieldType, FieldValue, Item
from search.types.page import MAX_VARIANTS, Facet, FacetRange, FacetValue, Hit, Page
from search.types.query import (
    MAX_FIELDS,
    MAX_LIMIT,
    MAX_RELEVANT,
    MAX_WITHOUT,
    Boost,
    By,
    FacetsOver,
    ImagePart,
    ItemPart,
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
    "MAX_VARIANTS",
    "MAX_WITHOUT",
    "Boost",
    "By",
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
    "Page",
    "Query",
    "QueryPart",
    "Sort",
    "TextPart",
    "check_range",
]
