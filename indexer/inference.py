"""Which type each column has, from what stands in its first rows."""

import functools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

from indexer.sources import Source, UnreadableRow
from indexer.values import (
    TypeSet,
    fits_json,
    fits_text,
    is_code,
    is_list_text,
    is_missing,
    says_nothing,
)
from search.errors import CatalogError
from search.types import FieldType

SAMPLE_ROWS = 10_000
"""How many rows are looked at; a later one that does not fit is reported as a bad row."""

LONG_TEXT = 512
"""Characters: a column whose texts are mostly longer is kept, but is no field to filter by."""

_WORD = 40
_FITTING = 0.98
"""Share of a column's values that decides its type; the few that do not fit make bad rows."""

_LISTS = 0.5
"""Share of a text column's values that hold a `|` from which on it is a column of lists."""

_ORDER = (FieldType.BOOLEAN, FieldType.INTEGER, FieldType.FLOAT, FieldType.DATE, FieldType.STRINGS)


def _looks(text: str) -> tuple[bool, TypeSet, bool, bool]:
    """Whether a text says nothing, the types it fits, whether it is a list, whether a code."""
    return says_nothing(text), fits_text(text), is_list_text(text), is_code(text)


_looks_of_word = functools.lru_cache(maxsize=4096)(_looks)
"""For short texts: most columns repeat few of them."""


@dataclass(slots=True)
class _Column:
    """What was seen of one column."""

    values: int = 0
    nothings: int = 0
    long_texts: int = 0
    lists: int = 0
    codes: bool = False
    example: object = None
    fitting: Counter[FieldType] = field(default_factory=Counter)

    def see(self, value: object, *, textual: bool) -> None:
        self.values += 1
        if self.example is None:
            self.example = value
        if isinstance(value, str) and len(value) > LONG_TEXT:
            self.long_texts += 1
        if not (textual and isinstance(value, str)):
            self.fitting.update(fits_json(value))
            return
        nothing, fitting, is_list, code = (_looks_of_word if len(value) <= _WORD else _looks)(value)
        if nothing:
            self.nothings += 1
            return
        self.fitting.update(fitting)
        self.lists += is_list
        self.codes = self.codes or code

    def type(self, *, textual: bool) -> FieldType | None:
        """The column's type; None when no field can hold it."""
        if self.values == 0 or self.long_texts * 2 > self.values:
            return None
        said = self.values - self.nothings
        if textual and said and self.lists >= said * _LISTS:
            return FieldType.STRINGS
        for type in _ORDER if said and not self.codes else ():
            if self.fitting[type] >= said * _FITTING:
                return type
        if textual or self.fitting[FieldType.STRING] >= said * _FITTING:
            return FieldType.STRING
        return None


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the first rows of a catalogue say: `rows` of them were looked at.

    `types` has every column; None: no field can hold it. `filled` counts the rows that say
    something, and `examples` has a value of each column that has any.
    """

    rows: int
    types: Mapping[str, FieldType | None]
    filled: Mapping[str, int]
    examples: Mapping[str, object]


def infer_types(source: Source) -> Mapping[str, FieldType | None]:
    """The type of every column; `inspect_rows` says more. Raises as that does."""
    return inspect_rows(source).types


def inspect_rows(source: Source) -> Inspection:
    """The type of every column, from its first 10,000 rows and what the catalogue declares.

    None stands for a column that no field can hold: nested objects, mixed types, texts mostly
    longer than 512 characters, nothing at all.

    Raises:
        CatalogError: there is no row, or none of them can be read.
    """
    seen = {column: _Column() for column in source.columns}
    rows, unreadable = 0, None
    for row in islice(source.sample(), SAMPLE_ROWS):
        if isinstance(row, UnreadableRow):
            unreadable = unreadable or row
        else:
            rows += 1
            for column, value in row.values.items():
                if column in seen and not is_missing(value):
                    seen[column].see(value, textual=source.textual)
    if not rows:
        raise _no_row(source, unreadable)
    types: dict[str, FieldType | None] = {}
    for column, what in seen.items():
        if column in source.declared:
            long = what.long_texts * 2 > what.values
            types[column] = None if long else source.declared[column]
        else:
            types[column] = what.type(textual=source.textual)
    return Inspection(
        rows,
        types,
        filled={column: what.values for column, what in seen.items()},
        examples={column: what.example for column, what in seen.items() if what.values},
    )


def _no_row(source: Source, unreadable: UnreadableRow | None) -> CatalogError:
    if unreadable is None:
        return CatalogError(f"{source.name} has no rows.", hint="A catalogue has at least one row.")
    return CatalogError(
        f"No row of {source.name} can be read; row {unreadable.number}: {unreadable.reason}",
        hint=unreadable.hint,
    )
