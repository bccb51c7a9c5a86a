"""An index of the words of a collection's items, ranked by BM25.

S. Robertson and H. Zaragoza, "The probabilistic relevance framework: BM25 and beyond", Foundations
and Trends in Information Retrieval 3(4), 2009, in the variant of Lucene (bm25s, `method="lucene"`).
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from search.lexical.words import is_common, spellings_of, stems_of, words_of

if TYPE_CHECKING:
    from bm25s import BM25

DECIMALS = 6
"""Shares are rounded so far: what has the same words has the same share."""


@dataclass(frozen=True, slots=True)
class WordRanking:
    """The items that have a word of a query, those with more of what is rare first, ties by id.

    An item's share is its BM25 score over that of the best: more than 0 and at most 1, and 0 for
    items without any of the words. `found` are the places of those with one in the index, best
    first; `shares`, `(n,) float32`, are all items' in order of id, and `complete`, `(n,) bool`,
    says which items have all the words.
    """

    index: "LexicalIndex"
    found: NDArray[np.int64]
    shares: NDArray[np.float32]
    complete: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.found)

    def ids(self) -> Iterator[str]:
        """The ids, best first."""
        return (self.index.ids[place] for place in self.found)

    def share(self, id: str) -> float:
        """The item's share; 0 also for an item that the index does not have."""
        place = self.index.places.get(id)
        return 0.0 if place is None else float(self.shares[place])

    def has_all(self, id: str) -> bool:
        """Whether the item has all the words, in one form or another.

        The commonest words of English, and words that no item has, need not be there; there is one
        at least that is.
        """
        place = self.index.places.get(id)
        return place is not None and bool(self.complete[place])


@dataclass(frozen=True, slots=True)
class LexicalIndex:
    """The words of all items of a collection. Safe for several threads: nothing changes it.

    `ids` are in order, `places` says where each is. `frequencies` says of each word how many items
    have it, `stems` of each stem its number.
    """

    ids: Sequence[str]
    places: Mapping[str, int]
    frequencies: Mapping[str, int]
    stems: Mapping[str, int]
    scorer: "BM25 | None"

    @classmethod
    def of(cls, texts: Iterable[tuple[str, str]]) -> "LexicalIndex":
        """The index of ids and their texts, in any order, each id once."""
        numbers: dict[str, int] = {}
        counted: Counter[int] = Counter()
        rows: list[tuple[str, array[int]]] = []
        for id, text in texts:
            found = [numbers.setdefault(word, len(numbers)) for word in words_of(text)]
            counted.update(set(found))
            rows.append((id, array("I", found)))
        rows.sort(key=lambda row: row[0])
        words = list(numbers)
        stems: dict[str, int] = {}
        of_word = [stems.setdefault(stem, len(stems)) for stem in stems_of(words)]
        frequencies = {word: counted[number] for number, word in enumerate(words)}
        scorer = _scorer([[of_word[word] for word in row] for _, row in rows], stems)
        ids = [id for id, _ in rows]
        return cls(ids, {id: n for n, id in enumerate(ids)}, frequencies, stems, scorer)

    def knows(self, word: str) -> bool:
        """Whether an item has the word, or another form of it."""
        return stems_of([word])[0] in self.stems

    def ranking(self, words: Sequence[str]) -> WordRanking:
        """The items that have any of the words."""
        known = [self.stems[stem] for stem in stems_of(words) if stem in self.stems]
        if self.scorer is None or not known:
            nothing = np.zeros(len(self.ids), np.float32)
            return WordRanking(self, np.zeros(0, np.int64), nothing, nothing > 0)
        scores = self.scorer.get_scores_from_ids(known)
        shares = np.round(scores / scores.max(), DECIMALS).astype(np.float32)
        found = np.flatnonzero(shares > 0)
        # The ids are in order, and a stable sort keeps them so among equals.
        found = found[np.argsort(-shares[found], kind="stable")]
        return WordRanking(self, found, shares, self._complete(words))

    def _complete(self, words: Sequence[str]) -> NDArray[np.bool_]:
        """Which items have all the words, `(n,) bool`; see `WordRanking.has_all`."""
        telling = {ways[0]: ways for ways in spellings_of(words) if not is_common(ways[0][0])}
        complete: NDArray[np.bool_] | None = None
        for ways in telling.values():
            having = self._with_any(ways)
            if having is None or not having.any():
                continue
            complete = having if complete is None else complete & having
            if not complete.any():  # Of a long text mostly after a few words.
                break
        return np.zeros(len(self.ids), bool) if complete is None else complete

    def _with_any(self, ways: Iterable[Sequence[str]]) -> NDArray[np.bool_] | None:
        """Which items have all the words of one of the ways, `(n,) bool`; None for no item."""
        found: NDArray[np.bool_] | None = None
        for way in ways:
            numbers = {self.stems.get(stem) for stem in stems_of(way)}
            if self.scorer is None or None in numbers:
                continue
            having = np.ones(len(self.ids), bool)
            for number in numbers:
                having &= self.scorer.get_scores_from_ids([number]) > 0
            found = having if found is None else found | having
        return found


def _scorer(rows: list[list[int]], stems: Mapping[str, int]) -> "BM25 | None":
    """None if there is no word at all."""
    from bm25s import BM25

    if not stems:
        return None
    scorer = BM25(method="lucene", k1=1.5, b=0.75)
    scorer.index((rows, dict(stems)), create_empty_token=False, show_progress=False)
    return scorer
