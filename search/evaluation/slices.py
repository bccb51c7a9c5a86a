"""Which part of a catalogue a query asks for: by its own words, or by its right answers."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median_low

import numpy as np

from search.errors import EvaluationError
from search.evaluation.files import EvalQuery, Qrels
from search.types import Item

BANDS = 4
"""Into how many ranges numbers and dates are cut, unless `COLUMN:N` says so."""

_GROUP = "group"


@dataclass(frozen=True, slots=True)
class SliceBy:
    """A column to take queries apart by; `bands` None: `BANDS`, of numbers and dates alone."""

    column: str
    bands: int | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """The queries, by id, that have a value in a column."""

    column: str
    value: str
    queries: tuple[str, ...]


def parse_slice(text: str) -> SliceBy:
    """`colour`, or `price:5` for five ranges of numbers; EvaluationError for less than two."""
    column, colon, bands = text.rpartition(":")
    if not colon or not bands.isdecimal():
        return SliceBy(text)
    if int(bands) < 2:
        raise EvaluationError(f"'{text}' asks for {bands} ranges.", hint="Ask for 2 or more.")
    return SliceBy(column, int(bands))


def best_answers(query: EvalQuery, qrels: Qrels) -> list[str]:
    """The items of the highest gain: what the query asks for first of all."""
    gains = qrels[query.id]
    highest = max(gains.values())
    return [item for item, gain in gains.items() if gain == highest]


def slice_queries(
    queries: Sequence[EvalQuery],
    qrels: Qrels,
    items: Mapping[str, Item],
    by: SliceBy,
) -> tuple[Slice, ...]:
    """Take queries apart by a column. `items` are the best answers, by id.

    What a query says of itself in `slices` (or `group`, for the column `group`) decides; else its
    best answers do. A text, a boolean or a member of a list is the query's if more than half of
    them have it; of numbers and dates it is the median, and the ranges have about as many queries
    each. A query whose answers agree on nothing is in no slice; one with several members of a list
    may be in several. Values come the most frequent first, ranges in ascending order.

    Raises:
        EvaluationError: no query has a value, or ranges were asked for of what has none.
    """
    said: dict[str, list[object]] = {}
    for query in queries:
        own = query.slices.get(by.column) or (query.group if by.column == _GROUP else None)
        answers = [items[id] for id in best_answers(query, qrels) if id in items]
        said[query.id] = [own] if own is not None else [_value(item, by.column) for item in answers]
    values = [value for answers in said.values() for value in answers if value not in (None, "")]
    if not values:
        raise EvaluationError(
            f"Neither a query nor a right answer has a value for '{by.column}'.",
            hint=f"There are {', '.join(_columns(queries, items)) or 'no columns'}.",
            details={"column": by.column},
        )
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return _ranges(said, by, _number, lambda number: f"{number:.6g}")
    if all(isinstance(value, date) for value in values):
        return _ranges(said, by, _ordinal, lambda day: date.fromordinal(int(day)).isoformat())
    if by.bands is not None:
        raise EvaluationError(
            f"'{by.column}' has no ranges: its values are not numbers or dates.",
            hint=f"Say --slice {by.column}.",
            details={"column": by.column},
        )
    return _groups(said, by.column)


def _groups(said: Mapping[str, Sequence[object]], column: str) -> tuple[Slice, ...]:
    groups: dict[str, list[str]] = {}
    for query, answers in said.items():
        counts = Counter(word for answer in answers for word in set(_words(answer)))
        for word, count in counts.items():
            if count > len(answers) / 2:
                groups.setdefault(word, []).append(query)
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    return tuple(Slice(column, value, tuple(members)) for value, members in ordered)


def _ranges(
    said: Mapping[str, Sequence[object]],
    by: SliceBy,
    number_of: Callable[[object], float],
    shown: Callable[[float], str],
) -> tuple[Slice, ...]:
    medians = {
        query: median_low([number_of(answer) for answer in answers if answer is not None])
        for query, answers in said.items()
        if any(answer is not None for answer in answers)
    }
    numbers = np.array(list(medians.values()))
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, (by.bands or BANDS) + 1)))[1:-1]
    places = np.searchsorted(edges, numbers, side="right")
    slices = []
    for place in np.unique(places):
        low, high = numbers[places == place].min(), numbers[places == place].max()
        value = shown(low) if low == high else f"{shown(low)} to {shown(high)}"
        members = [query for query, at in zip(medians, places) if at == place]
        slices.append(Slice(by.column, value, tuple(members)))
    return tuple(slices)


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)


def _ordinal(day: object) -> float:
    assert isinstance(day, date)
    return float(day.toordinal())


def _value(item: Item, column: str) -> object:
    return item.fields.get(column, item.extra.get(column))


def _words(value: object) -> list[str]:
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    if isinstance(value, list):
        return [str(member) for member in value]
    return [] if value in (None, "") else [str(value)]


def _columns(queries: Sequence[EvalQuery], items: Mapping[str, Item]) -> list[str]:
    names = {name for query in queries for name in query.slices}
    for item in items.values():
        names |= {*item.fields, *item.extra}
    return sorted(names | ({_GROUP} if any(query.group for query in queries) else set()))
