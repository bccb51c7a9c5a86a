"""Which columns of a collection have words that people search by, and which have numbers."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search.errors import UnknownFieldError
from search.types import Field, FieldType, Item

MOST_VALUES = 200
"""A text column with more different values is taken for free text."""

LEAST_FILLED = 0.5
"""Share of items that must have a value in a column that is found by itself."""

LEAST_NUMBERS = 5
"""A number column with fewer different values is taken for a code."""

NOUNS = (
    "article_type", "product_type", "kind", "category", "type", "subcategory", "sub_category",
    "label", "class", "department", "folder",
)  # fmt: skip
"""Columns that say what a thing is, the finest first: the last word of a query."""

_FRONT = ("gender", "sex", "age_group", "audience", "season", "usage", "occasion", "style", "brand")
_CLOSE = ("colour", "color", "pattern", "print", "material", "fabric")
_NOT_SAID = (
    "split", "currency", "status", "language", "locale", "source", "image", "url", "sku", "id",
)  # fmt: skip
"""What columns of such names hold is bookkeeping: nobody asks for it in a query."""

_TEXTUAL = (FieldType.STRING, FieldType.STRINGS)
_NUMERIC = (FieldType.INTEGER, FieldType.FLOAT)
_LONGEST = 40
_MOSTLY = 0.95
_WORD = re.compile(r"[^\W\d_]{3}")


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of words, in the order in which people say them, and of numbers.

    `noun` is the one of `words` that says what a thing is, if there is one: the last.
    """

    words: tuple[str, ...]
    noun: str | None
    numbers: tuple[str, ...]

    def telling(self) -> tuple[str, ...]:
        """Columns to take queries apart by: of those that say what a thing is, `noun` alone."""
        words = [each for each in self.words if each == self.noun or each.lower() not in NOUNS]
        return (*words, *self.numbers)


def words_of(item: Item, column: str) -> tuple[str, ...]:
    """The item's values in a column of words, as people write them: small, no underscores."""
    value = item.fields.get(column)
    members = value if isinstance(value, list) else [value]
    said = (" ".join(str(each).replace("_", " ").lower().split()) for each in members if each)
    return tuple(dict.fromkeys(each for each in said if each))


def find_columns(
    fields: Sequence[Field], items: Sequence[Item], wanted: Sequence[str] = ()
) -> Columns:
    """The columns that queries can be made of: the `wanted` ones, else those that look like it.

    Words: text columns of 2 to `MOST_VALUES` different values, nearly all of them with a word of
    three letters and none a sentence, filled in half of the items. Lists of texts only if wanted.
    Numbers: number columns of at least `LEAST_NUMBERS` different values.

    Raises:
        UnknownFieldError: the collection has no such column, or it holds neither texts nor numbers.
    """
    types = {field.name: field.type for field in fields}
    for name in wanted:
        if types.get(name) not in (*_TEXTUAL, *_NUMERIC):
            raise _no_column(name, types)
    if wanted:
        words = [name for name in wanted if types[name] in _TEXTUAL]
        numbers = [name for name in wanted if types[name] in _NUMERIC]
    else:
        words = [
            name
            for name, type_ in types.items()
            if type_ is FieldType.STRING and name.lower() not in _NOT_SAID
            if _is_said(items, name)
        ]
        numbers = [name for name in types if types[name] in _NUMERIC and _is_measured(items, name)]
    noun = next((name for usual in NOUNS for name in words if name.lower() == usual), None)
    return Columns(tuple(sorted(words, key=lambda name: _place(name, noun))), noun, tuple(numbers))


def _is_said(items: Sequence[Item], column: str) -> bool:
    values = Counter(word for item in items for word in words_of(item, column))
    if not 2 <= len(values) <= MOST_VALUES or values.total() < LEAST_FILLED * len(items):
        return False
    if max(map(len, values)) > _LONGEST or values.total() < 2 * len(values):
        return False
    return sum(n for value, n in values.items() if _WORD.search(value)) >= _MOSTLY * values.total()


def _is_measured(items: Sequence[Item], column: str) -> bool:
    values = {item.fields.get(column) for item in items} - {None}
    return len(values) >= LEAST_NUMBERS


def _place(column: str, noun: str | None) -> int:
    """Where people say it: "women casual red striped dress"."""
    name = column.lower()
    if column == noun:
        return 4
    if name in NOUNS:
        return 3
    return 0 if name in _FRONT else 2 if name in _CLOSE else 1


def _no_column(name: str, types: Mapping[str, FieldType]) -> UnknownFieldError:
    usable = [field for field, type_ in types.items() if type_ in (*_TEXTUAL, *_NUMERIC)]
    return UnknownFieldError(
        f"Queries cannot be made of a column '{name}'.",
        hint=f"Columns of texts and numbers: {', '.join(usable) or 'none'}.",
        details={"field": name},
    )
