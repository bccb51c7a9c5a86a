"""Which fields a filter may name: typed columns, the three of every item, and keys of `extra`.

A key of `extra`, where an item keeps what its row had beside the typed columns, is named by its
path: `extra.maker.country`. A key that has a dot in it gets a backslash before the dot, and one
before each of its backslashes: `extra.size\\.eu`. In a list, a number is a place, counted from 0.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from search.errors import FilterSyntaxError, UnknownFieldError
from search.filters.ast import And, Comparison, Filter, Not, Or

if TYPE_CHECKING:
    from search.types import Field

ITEM_FIELDS = ("id", "title", "product_id")
"""String fields that every collection has."""

EXTRA = "extra"
MAX_KEYS = 16
"""How deep a path may lead."""

MAX_PATH = 1_000
"""Most characters of a path."""

_KEY = re.compile(r"(?:[^.\\]|\\[.\\])+", re.DOTALL)
_KEYS = re.compile(rf"{_KEY.pattern}(?:\.{_KEY.pattern})*", re.DOTALL)
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class ExtraField:
    """A place in the JSON of an item's `extra`: `name` is the path to it, as written."""

    name: str


def known_fields(fields: "Sequence[Field]") -> "Mapping[str, Field]":
    """The typed fields that a filter may name, by name: those of every item, then the given."""
    from search.types import Field, FieldType  # search.types itself needs the filters' nouns.

    every_item = {name: Field(name, FieldType.STRING) for name in ITEM_FIELDS}
    return every_item | {field.name: field for field in fields}


def find_field(name: str, known: "Mapping[str, Field]") -> "Field":
    """The field of that name; UnknownFieldError with the known ones and the likeliest otherwise."""
    if name in known:
        return known[name]
    raise _unknown(name, known, "")


def filter_field(name: str, known: "Mapping[str, Field]") -> "Field | ExtraField":
    """What a filter means by that name: a typed field, else a path into `extra`.

    Raises:
        UnknownFieldError: it is neither.
        FilterSyntaxError: a path with an empty or too many keys, or half a character.
    """
    if name in known:
        return known[name]
    if name.startswith(f"{EXTRA}."):
        extra_keys(name)  # Raises for a path that is none.
        return ExtraField(name)
    raise _unknown(name, known, f" What a row has beside them is {EXTRA}.NAME.")


def fields_of(filter: Filter) -> set[str]:
    """The fields that a filter names."""
    match filter:
        case And(operands) | Or(operands):
            return set().union(*map(fields_of, operands))
        case Not(operand):
            return fields_of(operand)
        case Comparison(field):
            return {field}


def extra_name(keys: Sequence[str]) -> str:
    """The name of the place that these keys lead to; `filter_field` reads it back."""
    escaped = (key.replace("\\", "\\\\").replace(".", "\\.") for key in keys)
    return ".".join((EXTRA, *escaped))


def extra_keys(name: str) -> tuple[str, ...]:
    """The keys of a path into `extra`; FilterSyntaxError as `filter_field` raises it."""
    path = name.removeprefix(f"{EXTRA}.")
    if len(name) > MAX_PATH:
        raise _bad_path(name, f"has more than {MAX_PATH:,} characters")
    if not _KEYS.fullmatch(path):
        raise _bad_path(name, "has an empty key or a stray backslash")
    if any("\ud800" <= character <= "\udfff" for character in path):
        raise _bad_path(name, "has half a character")
    if "][" in path:  # Milvus 2.3.5 cuts paths there, quotes or not, and some pieces end it.
        raise _bad_path(name, "has '][' in it, which Milvus cannot read")
    keys = tuple(re.sub(r"\\(.)", r"\1", key) for key in _KEY.findall(path))
    if len(keys) > MAX_KEYS:
        raise _bad_path(name, f"has more than {MAX_KEYS} keys")
    return keys


def _bad_path(name: str, what: str) -> FilterSyntaxError:
    shown = _shown(name)
    return FilterSyntaxError(
        f"The path '{shown}' {what}.",
        hint=r"Write keys with dots between them: extra.maker.country; a dot in a key is \.",
        details={"field": shown},
    )


def _unknown(name: str, known: "Mapping[str, Field]", beside: str) -> UnknownFieldError:
    near = difflib.get_close_matches(name, known, n=1)
    guess = f"Did you mean '{near[0]}'? " if near else ""
    return UnknownFieldError(
        f"There is no field '{_shown(name)}'.",
        hint=f"{guess}Fields: {', '.join(known)}.{beside}",
        details={"field": _shown(name), "known": list(known)},
    )


def _shown(name: str) -> str:
    return name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..."
