"""What is answered: hits, facets and the page that holds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from search.types.box import Box
from search.types.items import Item

MAX_VARIANTS = 10
"""Most variants that a hit lists; `Hit.variant_count` counts all of them."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one part of a query gave to a hit: added up, they are what the hit is ranked by.

    `kind` is text, image, item, change or without, for the parts of the query (`said` is the text,
    the file's name or the item's id). After these come words (what a mode by words added to the
    score, or took off it), rerank and boost.
    """

    kind: str
    said: str
    value: float


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer: the item, and its cosine similarity to the query (-1..1, higher is better).

    `boost` is what the query's boosts added: the ranking is by `score + boost`. `variants` are
    the other images of the product, and pictures nearly the same, as far as the query asks for
    either: best first, at most `MAX_VARIANTS` of the `variant_count` that there are. `relevance`,
    0..1, is there if the query asked for it. `region` is the part of the picture that matched,
    None where that is the whole, as it is wherever only wholes are indexed.

    `fused` is what a query in mode `text` or `hybrid` ranks by in place of the score (not on
    variants): the item's share of the words, 0..1, or what `search.ranking.fusion` makes of both.

    `rerank` is what the query's reranker said of it, on a scale of its own, None where it was not
    asked or could not say; `lift` is what that added to the score (or to `fused`), before boosts.
    `contributions` take the sum of all that apart, if the query asked for it.
    """

    item: Item
    score: float
    boost: float = 0.0
    variants: tuple["Hit", ...] = ()
    variant_count: int = 0
    relevance: float | None = None
    region: Box | None = None
    fused: float | None = None
    rerank: float | None = None
    lift: float = 0.0
    contributions: tuple[Contribution, ...] = ()

    @property
    def id(self) -> str:
        """The item's id."""
        return self.item.id


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value of a field, and how many hits have it."""

    value: str | bool
    count: int


@dataclass(frozen=True, slots=True)
class FacetRange:
    """A range of numbers or dates, `start <= value < end`, and how many hits lie in it."""

    start: float | date
    end: float | date
    count: int


@dataclass(frozen=True, slots=True)
class Facet:
    """How the values of a field are spread: over items, or over products if the query is by them.

    `values` (texts, booleans, members of lists) are the most frequent first, ties by value, at
    most `search.ranking.facets.MOST_VALUES` of the `distinct` there are. `ranges` (numbers, dates)
    are in ascending order. `missing` have no value.
    """

    field: str
    values: tuple[FacetValue, ...] = ()
    ranges: tuple[FacetRange, ...] = ()
    distinct: int = 0
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """A slice of the ranking, best first; hits of equal score are ordered by id.

    `warnings` says what was done to the query that the caller may not expect (a text cut at the
    model's context, say). `took_ms` is milliseconds by stage: resolve, encode, store, total; and
    words, relevance, rerank, explain and facets, where that was asked for. `total`, if it was
    asked for, is how many hits all pages have together, or at least how many unless
    `total_is_exact`. `relevance`, if it was asked for, is how likely the collection has what the
    query asks for, 0..1: below 0.5 there is no good match, and the hits are the best of what does
    not fit.
    """

    hits: tuple[Hit, ...]
    limit: int
    offset: int
    collection: str
    model: str
    warnings: tuple[str, ...] = ()
    took_ms: Mapping[str, float] = field(default_factory=dict)
    total: int | None = None
    total_is_exact: bool = True
    facets: tuple[Facet, ...] = ()
    relevance: float | None = None
