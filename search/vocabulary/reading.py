"""Attributes with values that rule each other out, read from `vocabulary.toml`."""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

_WORD = re.compile(r"[^\W_]+(?:'(?=s\b))?[^\W_]*")
_APOSTROPHES = str.maketrans("\u2019\u02bc", "''")

Phrase = tuple[str, ...]
"""The words of a phrase, as `words_of` reads them."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute such as colour, with all its values, as they stand before a noun.

    The values of a kind of product stand `alone`: a skirt is no "skirt dress".
    """

    name: str
    values: tuple[str, ...]
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Sense:
    """What a phrase means: "navy" is the value `navy blue` of the attribute colour.

    `own` is that value, empty for a word such as "dark", which is none. `values` are what an
    exclusion of the phrase takes: "blue" takes navy with it, "dark" takes several colours.
    """

    attribute: Attribute
    own: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All attributes by name, and what each phrase means.

    `longest` is the number of words of the longest phrase; `fillers` are words that mean nothing
    beside a picture ("the same", "but"); `nouns` are what an item may be when it is not known.
    """

    attributes: Mapping[str, Attribute]
    phrases: Mapping[Phrase, Sense]
    longest: int
    fillers: frozenset[str]
    nouns: tuple[str, ...]

    def find(self, phrase: str) -> Sense | None:
        """What the phrase means, whatever its case, hyphens and spaces; None if it is not known."""
        return self.phrases.get(words_of(phrase))

    def named(self, text: str) -> Iterator[tuple[str, Sense | None]]:
        """The text in pieces: each phrase that is known, the longest first, or a single word."""
        words = text.split()
        while words:
            counts = range(min(len(words), self.longest), 0, -1)
            known = ((n, self.find(" ".join(words[:n]))) for n in counts)
            count, sense = next(((n, found) for n, found in known if found), (1, None))
            yield " ".join(words[:count]), sense
            words = words[count:]

    def without(self, attribute: str) -> "Vocabulary":
        """The vocabulary of somebody who has never heard of that attribute."""
        kept = {name: each for name, each in self.attributes.items() if name != attribute}
        phrases = {said: s for said, s in self.phrases.items() if s.attribute.name in kept}
        return replace(self, attributes=kept, phrases=phrases)


def words_of(text: str) -> Phrase:
    """The words of a text: no capitals, punctuation or hyphens; "men's" stays one word."""
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_APOSTROPHES)
    return tuple(_WORD.findall(plain))


@cache
def vocabulary() -> Vocabulary:
    """The vocabulary of fashion that comes with vitrine, read once."""
    text = (files("search.vocabulary") / "vocabulary.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    attributes = {
        name: Attribute(name, tuple(values), name in table["alone"])
        for name, values in table["attributes"].items()
    }
    phrases: dict[Phrase, Sense] = {}
    for phrase, sense in _said(table, attributes):
        if phrases.setdefault(phrase, sense) != sense:
            raise ValueError(f"{' '.join(phrase)!r} means both {phrases[phrase]} and {sense}")
    return Vocabulary(
        attributes=MappingProxyType(attributes),
        phrases=MappingProxyType(phrases),
        longest=max(map(len, phrases)),
        fillers=frozenset(table["fillers"]),
        nouns=tuple(table["nouns"]),
    )


def _said(
    table: Mapping[str, Any], attributes: Mapping[str, Attribute]
) -> Iterator[tuple[Phrase, Sense]]:
    """Every phrase of the table with what it means."""
    for name, attribute in attributes.items():
        wider: Mapping[str, list[str]] = table["wider"].get(name, {})
        for value, others in table["attributes"][name].items():
            sense = Sense(attribute, value, frozenset((value, *wider.get(value, ()))))
            yield from ((words_of(said), sense) for said in (value, *others))
        for word, taken in wider.items():
            if word not in attribute.values:
                yield words_of(word), Sense(attribute, "", frozenset(taken))
