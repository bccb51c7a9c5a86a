"""Filters: what to keep, said in JSON by programs or in a short text by people."""

from search.filters.ast import And, Comparison, Filter, FilterValue, Not, Op, Or
from search.filters.checking import check_filter
from search.filters.json_form import filter_from_json, filter_to_json
from search.filters.names import extra_name, known_fields
from search.filters.text_form import format_filter, parse_filter

__all__ = [
    "And",
    "Comparison",
    "Filter",
    "FilterValue",
    "Not",
    "Op",
    "Or",
    "check_filter",
    "extra_name",
    "filter_from_json",
    "filter_to_json",
    "format_filter",
    "known_fields",
    "parse_filter",
]
