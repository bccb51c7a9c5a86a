"""Attributes with values that rule each other out, read from `vocabulary.toml`."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

_MOST_WORDS = 3


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute such as colour, with all its values.

    The values of a kind of product stand `alone`: a skirt is no "skirt dress".
    """

    name: str
    values: tuple[str, ...]
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a word means when it is excluded: "blue" takes navy with it, "dark" several colours.

    `own` is the one value that the word is a word for, empty for a word such as "dark".
    """

    attribute: Attribute
    own: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All attributes, and what each word means."""

    attributes: tuple[Attribute, ...]
    words: Mapping[str, Meaning]

    def find(self, phrase: str) -> Meaning | None:
        """What the phrase means, whatever its case and spacing; None where it is not known."""
        return self.words.get(" ".join(phrase.lower().replace("\u2019", "'").split()))

    def named(self, text: str) -> Iterator[tuple[str, Meaning | None]]:
        """The text in pieces: each phrase that is known, the longest first, or a single word."""
        words = text.split()
        while words:
            counts = range(min(len(words), _MOST_WORDS), 0, -1)
            known = ((n, self.find(" ".join(words[:n]).strip(",.;"))) for n in counts)
            count, meaning = next(((n, found) for n, found in known if found), (1, None))
            yield " ".join(words[:count]), meaning
            words = words[count:]

    def without(self, attribute: str) -> "Vocabulary":
        """The vocabulary of somebody who has never heard of that attribute."""
        kept = tuple(known for known in self.attributes if known.name != attribute)
        return Vocabulary(kept, {w: m for w, m in self.words.items() if m.attribute in kept})


@cache
def load_vocabulary() -> Vocabulary:
    """The vocabulary of fashion that comes with vitrine."""
    text = (files("search.negation") / "vocabulary.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    attributes = tuple(
        Attribute(name, tuple(values), name in table["alone"])
        for name, values in table["attributes"].items()
    )
    words: dict[str, Meaning] = {}
    for attribute in attributes:
        wider = table["wider"].get(attribute.name, {})
        words |= _meanings(attribute, table["attributes"][attribute.name], wider)
    return Vocabulary(attributes, MappingProxyType(words))


def _meanings(
    attribute: Attribute,
    values: Mapping[str, Sequence[str]],
    wider: Mapping[str, Sequence[str]],
) -> dict[str, Meaning]:
    words = {word: Meaning(attribute, "", frozenset(more)) for word, more in wider.items()}
    for value, others in values.items():
        meaning = Meaning(attribute, value, frozenset((value, *wider.get(value, ()))))
        words |= dict.fromkeys((value, *others), meaning)
    return words
