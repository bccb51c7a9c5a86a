"""Suggestions while somebody types: titles and frequent values that have such a word."""

from search.suggesting.index import Suggestion, SuggestionIndex
from search.suggesting.keeping import Suggested, Suggester

__all__ = ["Suggested", "Suggester", "Suggestion", "SuggestionIndex"]
