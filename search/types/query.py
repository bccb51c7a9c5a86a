"""What somebody asks: parts, filter, slice, and how the answer is arranged."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from search.errors import EmptyQueryError, InvalidQueryError
from search.filters.ast import Filter
from search.types.box import Box

MAX_LIMIT = 16_384
"""Most hits that Milvus returns for one query, offset included."""

MAX_RELEVANT = 2_000
"""Most candidates that a relevant set can have: all pairs of their embeddings are compared."""

MAX_RERANKED = 500
"""Most candidates that a reranker is given: each may be a picture to read and to look at."""

MAX_WITHOUT = 16
"""Most phrases that one query can exclude."""

MAX_FIELDS = 16
"""Most fields that one query can sort by, boost by or count the values of, each."""

By = Literal["item", "product"]
FacetsOver = Literal["filter", "relevant"]
Mode = Literal["visual", "text", "hybrid"]


@dataclass(frozen=True, slots=True)
class TextPart:
    """A part of a query that is said in words."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class ImagePart:
    """A part of a query that is shown: a file's path or the bytes of one.

    With a `crop` only that part of the picture counts.
    """

    image: Path | bytes
    weight: float = 1.0
    crop: Box | None = None


@dataclass(frozen=True, slots=True)
class ItemPart:
    """A part of a query that is an item of the collection; the item itself is not a hit."""

    id: str
    weight: float = 1.0


QueryPart = TextPart | ImagePart | ItemPart


@dataclass(frozen=True, slots=True)
class Sort:
    """An order by the values of a field; items without a value come last in either direction."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Boost:
    """A field whose values move items up, or down with a negative weight.

    What is added to an item's score is `weight` for a boolean that is true, and `weight *
    log1p(value) / log1p(largest value of the relevant set)` for a number, negative ones as 0. A
    missing value adds nothing. A weight of 0.1 is a lot where scores lie between 0.2 and 0.4.
    """

    field: str
    weight: float


@dataclass(frozen=True, slots=True)
class Query:
    """What somebody asks: parts, a filter, a slice of the ranking, and how it is arranged.

    The plain ranking is of items by score, ties by id. Everything below works on the *relevant
    set*, the first `relevant` candidates of that ranking, which is the same for every page:

    - `rerank` names a reranker (`search.reranking`), which gives the first `rerank_depth` of the
      relevant set a new order among themselves.
    - `boosts` add to the scores of the relevant set, which is then in order of the sums.
    - `by="product"` gives one hit for each `product_id`, its best image; the others are the hit's
      variants. An item without one is a product of its own.
    - `collapse_duplicates` makes a hit of the relevant set a variant of an earlier one whose
      picture is nearly the same.
    - `diversity`, 0 to 1, trades score for difference from the hits before (see
      `search.ranking.diversity`).
    - `sort` orders the relevant set by fields, the first one first, ties by score, then by id. A
      product is sorted by the values of its best image. The ranking ends with the relevant set.

    Without `sort`, what follows the relevant set comes after it in order of score.

    `facets` counts the values of fields over all items that satisfy the filter, or, with
    `facets_over="relevant"`, over the relevant set. Over all items, a facet leaves out what the
    filter asks of the facet's own field, so that the other choices keep their counts, unless
    `facets_ignore_own` is false. `total` counts the hits of all pages.

    `without` are phrases for what no hit may show. What a text excludes ("dress, not floral") is
    read out of it, and a text that names a change beside one image or item ("in red") changes
    that attribute alone, unless the query is `literal`: then texts are embedded as they stand and
    parts are added up (`search.meaning`). Hits of a query with exclusions are those of the ranking
    that do not show what is excluded, as the model sees it; facets over the filter still count
    all items.

    `mode` says what a text is compared with: `visual`, the pictures; `text`, the words of titles
    and text fields, and only items that have one of them are hits; `hybrid`, both, which is the
    same as `visual` for a query that wants no words. Unless the query is `literal`, words that the
    collection does not know are read as near ones that it does. Facets over the filter count all
    items in every mode.

    `relevance` asks how relevant the query and each hit are, from 0 to 1; `min_relevance` leaves
    out hits that are less (`search.ranking.relevance`). `explain` gives each hit its contributions.

    Raises:
        EmptyQueryError: no part, or a text or an excluded phrase without a word in it.
        InvalidQueryError: a number out of range, a field named twice, the mode `text` without a
            text, or parts that contradict each other: `sort` together with `boosts`,
            `diversity` or `rerank`.
    """

    parts: tuple[QueryPart, ...]
    filter: Filter | None = None
    limit: int = 10
    offset: int = 0
    by: By = "item"
    sort: tuple[Sort, ...] = ()
    boosts: tuple[Boost, ...] = ()
    diversity: float = 0.0
    collapse_duplicates: bool = False
    relevant: int = 200
    facets: tuple[str, ...] = ()
    facets_over: FacetsOver = "filter"
    facets_ignore_own: bool = True
    total: bool = False
    without: tuple[str, ...] = ()
    literal: bool = False
    relevance: bool = False
    min_relevance: float | None = None
    mode: Mode = "visual"
    rerank: str | None = None
    rerank_depth: int = 100
    explain: bool = False

    def __post_init__(self) -> None:
        blank = any(isinstance(part, TextPart) and not part.text.strip() for part in self.parts)
        if not self.parts or blank:
            raise EmptyQueryError("The query is empty.", hint="Give a text, an image or an item.")
        _check_without(self.without)
        check_range(self.limit, self.offset)
        if not all(_is_weight(part.weight) for part in self.parts):
            raise InvalidQueryError(
                "A query part has a weight of zero or out of range.", hint=_WEIGHTS
            )
        _check_arrangement(self)
        _check_mode(self)

    @property
    def arranges(self) -> bool:
        """Whether the relevant set is put into another order, or duplicates are taken out."""
        ordered = self.sort or self.boosts or self.diversity or self.rerank
        return bool(ordered or self.collapse_duplicates)

    @property
    def plain(self) -> bool:
        """Whether the ranking is that of items by score: one search answers it."""
        over_relevant = bool(self.facets) and self.facets_over == "relevant"
        return self.by == "item" and not self.arranges and not over_relevant


def check_range(limit: int, offset: int) -> None:
    """InvalidQueryError unless Milvus can serve that slice of a ranking."""
    if limit >= 1 and offset >= 0 and limit + offset <= MAX_LIMIT:
        return
    raise InvalidQueryError(
        f"limit {limit} with offset {offset} is out of range.",
        hint=f"limit is at least 1, offset at least 0, their sum at most {MAX_LIMIT}.",
        details={"limit": limit, "offset": offset},
    )


_WEIGHTS = "Weights lie between -100 and 100 and are not zero."


def _check_without(phrases: Sequence[str]) -> None:
    if not all(phrase.strip() for phrase in phrases):
        raise EmptyQueryError("An excluded phrase is empty.", hint="Say what to leave out.")
    if len(phrases) > MAX_WITHOUT:
        raise InvalidQueryError(
            f"The query excludes {len(phrases)} phrases.", hint=f"Exclude at most {MAX_WITHOUT}."
        )


def _check_arrangement(query: Query) -> None:
    if query.min_relevance is not None and not 0 <= query.min_relevance <= 1:
        raise InvalidQueryError(
            f"A least relevance of {query.min_relevance} is out of range.",
            hint="It lies between 0 (everything) and 1 (nothing).",
        )
    if query.by not in get_args(By) or query.facets_over not in get_args(FacetsOver):
        raise InvalidQueryError(
            f"Hits by {query.by!r}, or facets over {query.facets_over!r}, are not known.",
            hint="by is item or product, facets_over is filter or relevant.",
        )
    if not 0 <= query.diversity <= 1:
        raise InvalidQueryError(
            f"A diversity of {query.diversity} is out of range.",
            hint="It lies between 0 (none) and 1 (nothing else counts).",
        )
    if not 1 <= query.relevant <= MAX_RELEVANT:
        raise InvalidQueryError(
            f"A relevant set of {query.relevant} is out of range.",
            hint=f"It has between 1 and {MAX_RELEVANT:,} candidates.",
        )
    if not all(_is_weight(boost.weight) for boost in query.boosts):
        raise InvalidQueryError("A boost has a weight of zero or out of range.", hint=_WEIGHTS)
    if not 1 <= query.rerank_depth <= MAX_RERANKED:
        raise InvalidQueryError(
            f"A depth of {query.rerank_depth} to rerank is out of range.",
            hint=f"A reranker gets between 1 and {MAX_RERANKED} candidates.",
        )
    if query.sort and (query.boosts or query.diversity or query.rerank):
        raise InvalidQueryError(
            "The hits cannot be sorted by a field and also boosted, made diverse or reranked.",
            hint="Leave out either sort, or boosts, diversity and rerank.",
        )
    _check_named("sort", [sort.field for sort in query.sort])
    _check_named("boosts", [boost.field for boost in query.boosts])
    _check_named("facets", query.facets)


def _check_mode(query: Query) -> None:
    if query.mode not in get_args(Mode):
        raise InvalidQueryError(
            f"There is no mode {query.mode!r}.", hint=f"Modes: {', '.join(get_args(Mode))}."
        )
    wanted = any(isinstance(part, TextPart) and part.weight > 0 for part in query.parts)
    if query.mode == "text" and not wanted:
        raise InvalidQueryError(
            "The mode text compares words, and the query has none.",
            hint="Give a text, or leave out the mode.",
        )


def _check_named(what: str, fields: Sequence[str]) -> None:
    if len(fields) > MAX_FIELDS:
        raise InvalidQueryError(
            f"{what} names {len(fields)} fields.", hint=f"Name at most {MAX_FIELDS}."
        )
    twice = sorted({field for field in fields if fields.count(field) > 1})
    if twice:
        raise InvalidQueryError(
            f"{what} names a field twice: {', '.join(twice)}.",
            hint="Name each once.",
            details={"fields": twice},
        )


def _is_weight(weight: float) -> bool:
    return -100 <= weight <= 100 and weight != 0
