"""Reading what is to change from plain English."""

from collections.abc import Iterator
from dataclasses import dataclass

from search.vocabulary import Phrase, Vocabulary, vocabulary, words_of


@dataclass(frozen=True, slots=True)
class Change:
    """One attribute is to have this value, whatever the source has: `colour` `navy blue`."""

    attribute: str
    value: str


def read_changes(text: str) -> tuple[Change, ...]:
    """The changes that a text asks for, in its order; empty where it is free text.

    "in red", "the same but striped, with long sleeves" and just "red" are read. A text is free as
    soon as it has a word that is neither part of a value nor empty of meaning ("red, not shiny"),
    or two values of one attribute ("red or blue", "red and blue"): then guessing would lose what
    else it says.
    """
    changes: dict[str, Change] = {}
    for found in _parts(words_of(text), vocabulary()):
        if found is None:
            return ()
        if changes.setdefault(found.attribute, found) != found:
            return ()
    return tuple(changes.values())


def says_nothing(text: str) -> bool:
    """Whether all words of a text are empty of meaning beside a picture: "the same", "but"."""
    return all(word in vocabulary().fillers for word in words_of(text))


def _parts(words: Phrase, known: Vocabulary) -> Iterator[Change | None]:
    """Each value that the words name, the longest phrase first; None for an unknown word."""
    start = 0
    while start < len(words):
        for end in range(min(start + known.longest, len(words)), start, -1):
            if change := _change(words[start:end], known):
                yield change
                start = end
                break
        else:
            if words[start] not in known.fillers:
                yield None
            start += 1


def _change(phrase: Phrase, known: Vocabulary) -> Change | None:
    """The change that a phrase names: a value that stands before a noun, so no kind."""
    sense = known.phrases.get(phrase)
    if sense is None or not sense.own or sense.attribute.alone:
        return None
    return Change(sense.attribute.name, sense.own)
