"""Queries with right answers from what a collection says of its items: titles and columns."""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from statistics import median_high
from typing import TypeVar

from search.errors import EvaluationError
from search.evaluation.catalog_columns import Columns, find_columns, words_of
from search.types import Field, Item

TITLE, TWO, THREE, FILTERED = "title", "two columns", "three columns", "with a filter"
"""The groups of the queries that are made."""

T = TypeVar("T")

_Words = tuple[tuple[str, str], ...]
"""Values of columns, `(column, value)`, in the order in which they are said."""


@dataclass(frozen=True, slots=True)
class MakeOptions:
    """How many queries of each group to make at most, and which.

    `most_right` is how many right answers a query may have; `columns` which columns to use, none
    for those that look like it. The same seed and the same items make the same queries.
    """

    per_kind: int = 50
    most_right: int = 20
    columns: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True, slots=True)
class MadeQuery:
    """A query in words with the gains of its right answers; `filter` is in JSON form."""

    id: str
    text: str
    group: str
    gains: Mapping[str, int]
    filter: Mapping[str, Mapping[str, float]] | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """The queries, by group, and the columns that they were made of."""

    queries: tuple[MadeQuery, ...]
    columns: Columns

    def by_group(self) -> dict[str, list[MadeQuery]]:
        """The queries of each group that has any."""
        groups: dict[str, list[MadeQuery]] = {}
        for query in self.queries:
            groups.setdefault(query.group, []).append(query)
        return groups


def make_queries(
    items: Sequence[Item], fields: Sequence[Field], options: MakeOptions | None = None
) -> Made:
    """Derive queries from the items of a collection, whose typed columns are `fields`.

    - Of titles: the title itself. Items of that title have gain 2, others of the same product 1.
    - Of two and of three columns: values that occur together, such as "red floral dress". All
      items that have them are right, with gain 1. Where a column says what a thing is, each query
      says it; and each value narrows the answers down, so that none is idle.
    - With a filter: two columns, and a number column (price < 50) that leaves out about half.

    A query has between 1 and `most_right` right answers, and no two of a group say the same. Which
    of all possible queries are made is drawn by the seed, from each set of columns in turn. An item
    that says nothing in a column is wrong for whatever is asked of it.

    Raises:
        EvaluationError: the collection has nothing that a query could be made of.
        UnknownFieldError: a column of `options.columns` does not exist or cannot be used.
    """
    options = options or MakeOptions()
    items = sorted(items, key=lambda item: item.id)
    columns = find_columns(fields, items, options.columns)
    maker = _Maker(items, columns, options)
    made = (
        *_numbered(maker.of_titles(), "title", TITLE, options),
        *_numbered(maker.of_columns(2, TWO), "two", TWO, options),
        *_numbered(maker.of_columns(3, THREE), "three", THREE, options),
        *_numbered(maker.with_filters(), "filter", FILTERED, options),
    )
    if not made:
        raise EvaluationError(
            "No query can be made of this collection.",
            hint="It needs titles, or text columns with values that several items share; "
            "a higher --most-right lets larger groups of items be right answers.",
            details={"items": len(items), "columns": list(columns.words)},
        )
    return Made(made, columns)


@dataclass(frozen=True, slots=True)
class _Asked:
    text: str
    gains: Mapping[str, int]
    filter: Mapping[str, Mapping[str, float]] | None = None


def _numbered(
    asked: Iterable[_Asked], name: str, group: str, options: MakeOptions
) -> Iterator[MadeQuery]:
    """The first queries that have no more right answers than they may, no text twice."""
    fit: dict[str, _Asked] = {}
    for each in asked:
        if len(each.gains) <= options.most_right:
            fit.setdefault(each.text, each)
        if len(fit) == options.per_kind:
            break
    for number, each in enumerate(fit.values(), start=1):
        yield MadeQuery(f"{name}-{number:03}", each.text, group, each.gains, each.filter)


class _Maker:
    def __init__(self, items: Sequence[Item], columns: Columns, options: MakeOptions) -> None:
        self._items = items
        self._columns = columns
        self._seed = options.seed
        self._groups = {size: _items_by_words(items, columns, size) for size in (1, 2, 3)}

    def of_titles(self) -> Iterator[_Asked]:
        titles: dict[str, list[Item]] = defaultdict(list)
        products: dict[str | None, list[Item]] = defaultdict(list)
        for item in self._items:
            titles[" ".join(item.title.casefold().split())].append(item)
            products[item.product_id or None].append(item)
        products[None] = []
        titles.pop("", None)
        for same in _drawn(list(titles.values()), self._random(TITLE)):
            of_product = [one.id for item in same for one in products[item.product_id or None]]
            gains = dict.fromkeys(of_product, 1) | {item.id: 2 for item in same}
            yield _Asked(same[0].title.strip(), gains)

    def of_columns(self, size: int, group: str) -> Iterator[_Asked]:
        for words in self._in_turn(size, self._random(group)):
            yield _Asked(_said(words), self._right(self._groups[size][words]))

    def with_filters(self) -> Iterator[_Asked]:
        random_ = self._random(FILTERED)
        for words in self._in_turn(2, random_) if self._columns.numbers else ():
            column = random_.choice(self._columns.numbers)
            cut = self._cut(self._groups[2][words], column)
            if cut is not None:
                below, places = cut
                yield _Asked(_said(words), self._right(places), {column: {"lt": below}})

    def _right(self, places: Iterable[int]) -> dict[str, int]:
        return {self._items[place].id: 1 for place in places}

    def _cut(self, places: Sequence[int], column: str) -> tuple[float, list[int]] | None:
        """A number that leaves out about half of the items, and those that it leaves in."""
        numbers = {
            place: value
            for place in places
            if isinstance(value := self._items[place].fields.get(column), int | float)
        }
        different = sorted(set(numbers.values()))
        if len(different) < 2:
            return None
        below = median_high(different)
        return below, [place for place, number in numbers.items() if number < below]

    def _in_turn(self, size: int, random_: random.Random) -> Iterator[_Words]:
        """Combinations of values in a drawn order, one of each set of columns after the other."""
        by_columns: dict[tuple[str, ...], list[_Words]] = defaultdict(list)
        for words in sorted(self._groups[size]):
            if self._has_noun(words) and self._none_is_idle(words):
                by_columns[tuple(column for column, _ in words)].append(words)
        waiting = [_drawn(each, random_) for _, each in sorted(by_columns.items())]
        for turn in range(max(map(len, waiting), default=0)):
            yield from (each[turn] for each in waiting if turn < len(each))

    def _has_noun(self, words: _Words) -> bool:
        return self._columns.noun in (None, *(column for column, _ in words))

    def _none_is_idle(self, words: _Words) -> bool:
        """Whether there are fewer right answers with each value than without it."""
        right = len(self._groups[len(words)][words])
        without = (words[:place] + words[place + 1 :] for place in range(len(words)))
        return all(len(self._groups[len(words) - 1][fewer]) > right for fewer in without)

    def _random(self, group: str) -> random.Random:
        """Each group draws for itself: more of one kind change nothing of another."""
        return random.Random(f"{self._seed} {group}")


def _items_by_words(
    items: Sequence[Item], columns: Columns, size: int
) -> Mapping[_Words, Sequence[int]]:
    """The places of the items that have these values, for all that occur together."""
    groups: dict[_Words, list[int]] = defaultdict(list)
    for place, item in enumerate(items):
        said = [[(column, word) for word in words_of(item, column)] for column in columns.words]
        for some in combinations([each for each in said if each], size):
            for words in product(*some):
                groups[words].append(place)
    return groups


def _said(words: _Words) -> str:
    return " ".join(value for _, value in words)


def _drawn(values: Sequence[T], random_: random.Random) -> list[T]:
    return random_.sample(values, len(values))
