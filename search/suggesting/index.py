"""An index of texts by the beginnings of their words.

A suffix array over words: for every word of every text, what the text says from there on, in
order. What begins with a prefix lies together in it, and two bisections find the place.
"""

import heapq
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

MOST_WORDS = 12
"""Words of a text at which it can be found: the first ones."""

_SORTED_AT_ONCE = 20_000
"""Sorting does not let other threads work: so many take about 15 ms."""

_LOOKED_AT = 2_000
"""Most texts of which it is seen whether they have all words of a query."""

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A text that somebody may want to type, and how many items have it."""

    text: str
    count: int


class SuggestionIndex:
    """Texts by their words' beginnings, capitals and accents aside. Never changes.

    Takes about 8 bytes for each word beside the texts themselves and their folded forms.
    """

    def __init__(self, counts: Mapping[str, int]) -> None:
        """`counts` says how many items have each text; forms of one text are counted together."""
        merged = _merged(counts)
        # The best first, so that of any texts those with the lowest numbers are wanted.
        best = sorted(merged.items(), key=lambda each: (-each[1].count, len(each[0]), each[0]))
        self._folded = [folded for folded, _ in best]
        self._suggestions = [suggestion for _, suggestion in best]
        places = list(_sorted_places(self._folded))
        self._texts: NDArray[np.int32] = np.array([text for text, _ in places], dtype=np.int32)
        self._starts: NDArray[np.int32] = np.array([start for _, start in places], dtype=np.int32)

    def __len__(self) -> int:
        """How many texts there are."""
        return len(self._folded)

    def find(self, prefix: str, limit: int) -> list[Suggestion]:
        """At most `limit` texts that have the words of `prefix`, the last one begun at least.

        First those in which the words follow each other, then those with all of them in any order;
        within each the most frequent, then the shortest, then by the alphabet. Nothing for a prefix
        without a letter or digit.
        """
        asked = folded(prefix)
        if not asked or limit < 1:
            return []
        low, high = self._range(asked)
        found = self._best(low, high, limit)
        words = asked.split(" ")
        if len(found) < limit and len(words) > 1:
            known = set(found)
            others = (text for text in self._scattered(words) if text not in known)
            found += islice(others, limit - len(found))
        return [self._suggestions[text] for text in found]

    def _range(self, prefix: str) -> tuple[int, int]:
        """The places at which a text goes on with `prefix`."""
        size, places = len(prefix), range(len(self._texts))

        def said(place: int) -> str:
            text, start = int(self._texts[place]), int(self._starts[place])
            return self._folded[text][start : start + size]

        low = bisect_left(places, prefix, key=said)
        return low, bisect_right(places, prefix, low, key=said)

    def _best(self, low: int, high: int, most: int) -> list[int]:
        """The lowest numbers of texts among these places, each once, in order."""
        texts = self._texts[low:high]
        # A text stands at MOST_WORDS places at most: so many hold `most` different ones.
        enough = most * MOST_WORDS
        if len(texts) > enough:
            texts = np.partition(texts, enough - 1)[:enough]
        return [int(text) for text in np.unique(texts)[:most]]

    def _scattered(self, words: Sequence[str]) -> Iterator[int]:
        """Texts with a word that begins with each of these, of the first `_LOOKED_AT` that may."""
        low, high = min(map(self._range, words), key=lambda place: place[1] - place[0])
        for text in self._best(low, high, _LOOKED_AT):
            own = self._folded[text].split(" ")
            if all(any(each.startswith(word) for each in own) for word in words):
                yield text


def folded(text: str) -> str:
    """The words of a text with a space between them, without capitals and accents."""
    if not text.isascii():
        apart = unicodedata.normalize("NFKD", text)
        text = "".join(mark for mark in apart if not unicodedata.combining(mark))
    return " ".join(_WORD.findall(text.casefold()))


def _merged(counts: Mapping[str, int]) -> dict[str, Suggestion]:
    """By folded form: the form that most items have, and how many have any of them."""
    found: dict[str, tuple[str, int, int]] = {}
    for text, count in counts.items():
        shown, most, total = found.get(key := folded(text), (text, 0, 0))
        if (-count, text) < (-most, shown):
            shown, most = text, count
        found[key] = (shown, most, total + count)
    found.pop("", None)
    return {key: Suggestion(shown, total) for key, (shown, _, total) in found.items()}


def _sorted_places(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Each text and where in it a word begins, in order of what the text says from there."""
    places = (
        (text, found.start())
        for text, said in enumerate(texts)
        for found in islice(_WORD.finditer(said), MOST_WORDS)
    )

    def suffix(place: tuple[int, int]) -> str:
        return texts[place[0]][place[1] :]

    parts = []
    while part := list(islice(places, _SORTED_AT_ONCE)):
        parts.append(sorted(part, key=suffix))
    return heapq.merge(*parts, key=suffix)
