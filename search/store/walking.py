"""Filters of an embedded database by keys of `extra` or lists: answered by a walk over its rows.

Milvus Lite looks at JSON and at lists row by row, each row made whole, which takes four to eight
times as long, and it reads JSON otherwise than servers do (see `search.filters.matching`). So the
columns are read here, and Milvus Lite is told the ids of the rows that satisfy the filter.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from search.filters.ast import And, Filter
from search.filters.matching import Matcher, matcher, value_at
from search.filters.names import extra_keys, fields_of
from search.store.expressions import NOTHING, expression, id_in
from search.store.rows import decode_column
from search.store.schema import Layout
from search.types import FieldType

Columns = Mapping[str, Sequence[Any]]
Read = Callable[[list[str], str], Iterator[Columns]]
"""`read(columns, expression)`: these columns of all rows that satisfy it, in batches."""


def walked(filter: Filter, layout: Layout, read: Read) -> str:
    """The expression for the items that satisfy the filter now, by their ids.

    The filter must have gone through `check_filter`.
    """
    first, rest = _split(filter, layout)
    reading = _Reading(rest, layout)
    chosen: list[str] = []
    for batch in read(["id", *reading.columns], expression(first, layout)):
        chosen += reading.matching(batch)
    return id_in(chosen) if chosen else NOTHING


def is_walked(filter: Filter, layout: Layout) -> bool:
    """Whether a checked filter is one of these."""
    typed = layout.readable
    names = fields_of(filter)
    return any(name not in typed or typed[name][1] is FieldType.STRINGS for name in names)


def _split(filter: Filter, layout: Layout) -> tuple[Filter, Filter]:
    """What Milvus Lite answers by itself, and what is asked of the rows that it leaves."""
    operands = filter.operands if isinstance(filter, And) else (filter,)
    quick = tuple(operand for operand in operands if not is_walked(operand, layout))
    slow = tuple(operand for operand in operands if is_walked(operand, layout))
    return And(quick), And(slow)


class _Reading:
    """Which columns a filter wants, and what it makes of them."""

    def __init__(self, filter: Filter, layout: Layout) -> None:
        names, typed = fields_of(filter), layout.readable
        self._matches: Matcher = matcher(filter)
        self._paths = {name: extra_keys(name) for name in names if name not in typed}
        self._typed = {name: typed[name] for name in names if name in typed}

    @property
    def columns(self) -> list[str]:
        return ["extra", *(column for column, _ in self._typed.values())]

    def matching(self, batch: Columns) -> list[str]:
        """The ids of the rows of a batch that satisfy the filter."""
        values = {
            name: decode_column(type_, batch[column])
            for name, (column, type_) in self._typed.items()
        }
        found = []
        for row, (id, extra) in enumerate(zip(batch["id"], batch["extra"], strict=True)):
            told = json.loads(extra) if isinstance(extra, str | bytes) else extra
            item: dict[str, object] = {name: column[row] for name, column in values.items()}
            item |= {name: value_at(told, keys) for name, keys in self._paths.items()}
            if self._matches(item):
                found.append(id)
        return found
