"""Search by words: an index of an item's title and text fields, kept in memory."""

from search.lexical.index import LexicalIndex, WordRanking
from search.lexical.keeping import MOST_ITEMS, LexicalIndexes
from search.lexical.reading import words_asked
from search.lexical.spelling import Corrected, corrected

__all__ = [
    "MOST_ITEMS",
    "Corrected",
    "LexicalIndex",
    "LexicalIndexes",
    "WordRanking",
    "corrected",
    "words_asked",
]
