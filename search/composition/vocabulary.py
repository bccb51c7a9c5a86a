"""The words of changes: attributes, their values, and how people say them, read from a TOML."""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

_PATH = Path(__file__).with_name("vocabulary.toml")
_WORD = re.compile(r"[^\W_]+(?:'(?=s\b))?[^\W_]*")
_APOSTROPHES = str.maketrans("\u2019\u02bc", "''")

Phrase = tuple[str, ...]
"""The words of a phrase, as `words_of` reads them."""


@dataclass(frozen=True, slots=True)
class Change:
    """One attribute is to have this value, whatever the source has: `colour` `navy blue`."""

    attribute: str
    value: str


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What changes can be said.

    `values` has each attribute's values, as they stand before a noun; `phrases` leads from words
    to what they mean; `longest` is the number of words of the longest phrase; `fillers` are words
    that mean nothing by themselves; `nouns` are what items may be.
    """

    values: Mapping[str, tuple[str, ...]]
    phrases: Mapping[Phrase, Change]
    longest: int
    fillers: frozenset[str]
    nouns: tuple[str, ...]


def words_of(text: str) -> Phrase:
    """The words of a text: no capitals, punctuation or hyphens; "men's" stays one word."""
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_APOSTROPHES)
    return tuple(_WORD.findall(plain))


@cache
def vocabulary() -> Vocabulary:
    """The vocabulary of the package, read once."""
    read = tomllib.loads(_PATH.read_text(encoding="utf-8"))
    phrases: dict[Phrase, Change] = {}
    for phrase, change in _said(read["attributes"]):
        if phrases.setdefault(phrase, change) != change:
            raise ValueError(f"{' '.join(phrase)!r} means both {phrases[phrase]} and {change}")
    return Vocabulary(
        values=MappingProxyType({name: tuple(said) for name, said in read["attributes"].items()}),
        phrases=MappingProxyType(phrases),
        longest=max(map(len, phrases)),
        fillers=frozenset(read["fillers"]),
        nouns=tuple(read["nouns"]),
    )


def _said(attributes: Mapping[str, Mapping[str, list[str]]]) -> Iterator[tuple[Phrase, Change]]:
    for attribute, values in attributes.items():
        for value, others in values.items():
            for said in (value, *others):
                yield words_of(said), Change(attribute, value)
