"""What the words of a query say of its relevance: whether the collection's own texts have them.

A small model has never heard of most things that its catalogue lacks, and puts their names
anywhere. Titles know better: a query of which no item has a word is rarely answered.

    logit(relevance) = logit(relevance by pictures) + WEIGHT * (2 * share - 1) - CAUTION

`share` is how many of the query's telling words an item's title or text fields have, by stem.
WEIGHT and CAUTION were chosen with half of the queries of `benchmarks/relevance_queries.toml`;
docs/relevance.md has what the other half comes to.
"""

import math
from collections.abc import Iterable

from search.lexical import LexicalIndex
from search.lexical.words import words_of

WEIGHT = 3.0

CAUTION = 1.0
"""So that about as many queries are wrongly answered as are wrongly refused."""

LEAST = 1e-6
"""Relevances nearer to 0 or 1 are taken for this far from it: their logits have no end."""

_UNTELLING = frozenset((
    "a", "against", "am", "an", "and", "any", "are", "as", "at", "be", "best", "buy", "by",
    "cheap", "do", "find", "for", "from", "goes", "good", "have", "i", "in", "is", "it", "like",
    "looking", "me", "my", "need", "new", "no", "not", "of", "on", "or", "pair", "please",
    "show", "some", "something", "that", "the", "these", "this", "those", "to", "want", "wear",
    "what", "with", "without", "would", "you",
))  # fmt: skip
"""Words that say nothing of what is looked for."""


def names_any(stocked: Iterable[str], index: LexicalIndex) -> bool:
    """Whether an item's texts name any of the groups that its collection has in stock.

    If not, the collection has no titles, or none in the language of the groups, and its words tell
    nothing of a query.
    """
    return any(index.knows(word) for name in stocked for word in _telling(name))


def share_known(text: str, index: LexicalIndex) -> float | None:
    """The share of the text's telling words that an item has, 0..1; None if it has none."""
    telling = _telling(text)
    return sum(map(index.knows, telling)) / len(telling) if telling else None


def _telling(text: str) -> list[str]:
    return [word for word in words_of(text) if word not in _UNTELLING]


def with_words(relevance: float, share: float) -> float:
    """The relevance of a query, 0..1, once its words are taken into account."""
    bounded = min(max(relevance, LEAST), 1 - LEAST)
    logit = math.log(bounded / (1 - bounded)) + WEIGHT * (2 * share - 1) - CAUTION
    return 1 / (1 + math.exp(-logit))
