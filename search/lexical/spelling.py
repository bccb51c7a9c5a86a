"""Words that a collection does not know, read as near ones that it does.

Edits are counted as Damerau and Levenshtein do: a letter left out, added, replaced, or changed
places with the next one, is one (F. Damerau, "A technique for computer detection and
correction of spelling errors", Communications of the ACM 7(3), 1964).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from search.lexical.index import LexicalIndex
from search.lexical.words import has_digit, is_common

SHORTEST = 4
"""Shorter words have too many neighbours."""

LONG = 8
"""From so many letters on, two edits are allowed instead of one."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """Words as they are looked up, and what was read as what: pairs of word and correction."""

    words: tuple[str, ...]
    changes: tuple[tuple[str, str], ...] = ()

    @property
    def notes(self) -> list[str]:
        """What people should be told of it."""
        return [f"Read {word!r} as {near!r}." for word, near in self.changes]


def corrected(words: Sequence[str], index: LexicalIndex) -> Corrected:
    """The words, unknown ones replaced by the nearest known one, if there is one near enough.

    Of words equally near, the one that begins with the same letter, then the one that most items
    have, then the first of the alphabet. Words that an item has, numbers, model numbers, short
    words and the commonest words of English stay as they are.
    """
    read = [_nearest(word, index) or word for word in words]
    changes = [(word, near) for word, near in zip(words, read) if word != near]
    return Corrected(tuple(read), tuple(dict.fromkeys(changes)))


def _nearest(word: str, index: LexicalIndex) -> str | None:
    from rapidfuzz.distance import DamerauLevenshtein
    from rapidfuzz.process import extract

    is_plain = len(word) >= SHORTEST and not has_digit(word) and not is_common(word)
    if not is_plain or index.knows(word):
        return None
    most = 2 if len(word) >= LONG else 1
    near = extract(
        word,
        index.frequencies.keys(),
        scorer=DamerauLevenshtein.distance,
        score_cutoff=most,
        limit=None,
    )
    fit = [(edits, other) for other, edits, _ in near if _is_word(other)]

    def worth(found: tuple[int, str]) -> tuple[int, bool, int, str]:
        edits, other = found
        return (edits, other[0] != word[0], -index.frequencies[other], other)

    return min(fit, key=worth)[1] if fit else None


def _is_word(text: str) -> bool:
    return len(text) >= SHORTEST - 1 and not has_digit(text)
