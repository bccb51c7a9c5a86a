"""Which items show what is excluded, as the model itself sees it.

Embedding models barely hear "not" (https://arxiv.org/abs/2501.09425), so the excluded phrases are
taken out of the text and used in two places, chosen by measurement (docs/negation.md):

1. the query's embedding moves a little away from them (`Exclusion.away`);
2. an item is left out if an excluded phrase describes it about as well as the best of the phrases
   that could stand in its place (`Exclusion.violates`): "floral dress" against "plain dress",
   "striped dress" and so on.

Cosines are compared only among themselves, for one item at a time, so that nothing depends on the
model's scale or on which other items are looked at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from search.encoders.base import Embeddings
from search.errors import EmptyQueryError, InvalidQueryError
from search.vocabulary import Attribute, Vocabulary
from search.vocabulary import vocabulary as fashion

_SPEAK_FOR_ALL = 2
"""How many values of each attribute an unknown phrase is compared with: the commonest."""


@dataclass(frozen=True, slots=True)
class Strictness:
    """How hard exclusions are, chosen on the training split of real photos (docs/negation.md).

    `away` is how much of an excluded phrase's embedding is subtracted from the query's, and
    `away_unknown` the same for a phrase that is not in the vocabulary. `slack` and `stands_out`
    count standard deviations of an item's cosines with the phrases that it is tested with.
    """

    away: float = 0.25
    away_unknown: float = 0.5
    slack: float = 0.4
    stands_out: float = 1.25


class TextEncoder(Protocol):
    """The half of an encoder that is needed here."""

    @property
    def dim(self) -> int:
        """Length of every embedding."""

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts, in order."""


@dataclass(frozen=True, slots=True)
class _AgainstValues:
    """A known value: does it describe the item about as well as the best other value?

    "About" is `slack` standard deviations of the item's cosines with all values.
    """

    excluded: Embeddings
    others: Embeddings
    slack: float

    def shown_by(self, embeddings: Embeddings) -> NDArray[np.bool_]:
        for_it, against = embeddings @ self.excluded.T, embeddings @ self.others.T
        spread = np.concatenate([for_it, against], axis=1).std(axis=1)
        return np.asarray(for_it.max(axis=1) - against.max(axis=1) > -self.slack * spread)


@dataclass(frozen=True, slots=True)
class _AgainstAnything:
    """A phrase that is not in the vocabulary: does it describe the item unusually well?

    "Unusually" is `stands_out` standard deviations above the mean of the item's cosines with the
    commonest values of all attributes.
    """

    excluded: Embeddings
    others: Embeddings
    stands_out: float

    def shown_by(self, embeddings: Embeddings) -> NDArray[np.bool_]:
        usual = embeddings @ self.others.T
        above = (embeddings @ self.excluded.T)[:, 0] - usual.mean(axis=1)
        return np.asarray(above > self.stands_out * usual.std(axis=1))


@dataclass(frozen=True, slots=True)
class Exclusion:
    """What one query excludes, embedded: `phrases` is `(k, dim) float32`, L2-normalised."""

    phrases: Embeddings
    weights: NDArray[np.float32]
    tests: tuple[_AgainstValues | _AgainstAnything, ...]

    def away(self, query: NDArray[np.float32]) -> NDArray[np.float32]:
        """The query's embedding, `(dim,) float32`, moved away from what is excluded.

        L2-normalised, as `query` has to be. Several phrases pull together no harder than one.
        """
        moved = query - self.weights @ self.phrases / max(1, len(self.weights))
        norm = float(np.linalg.norm(moved))
        return query if norm < 1e-6 else np.asarray(moved / norm, dtype=np.float32)

    def violates(self, embeddings: Embeddings) -> NDArray[np.bool_]:
        """Which items show something excluded: `(n,) bool` for `(n, dim) float32`.

        Each item is judged by itself: the same answer whatever else is in `embeddings`.
        """
        shown = np.zeros(len(embeddings), dtype=np.bool_)
        for test in self.tests:
            shown |= test.shown_by(embeddings)
        return shown


class Excluder:
    """Makes exclusions with one encoder. Safe to share: it holds nothing but what it was given."""

    def __init__(
        self,
        encoder: TextEncoder,
        *,
        vocabulary: Vocabulary | None = None,
        strictness: Strictness | None = None,
    ) -> None:
        self._encoder = encoder
        self._vocabulary = vocabulary or fashion()
        self._strictness = strictness or Strictness()

    def exclusion(self, wanted: str, without: Sequence[str]) -> Exclusion:
        """What a query for `wanted` excludes; `wanted` may be empty (a picture is asked with).

        All texts are embedded in one call.

        Raises:
            EmptyQueryError: an excluded phrase is blank.
            InvalidQueryError: something is both wanted and excluded.
        """
        if not all(phrase.strip() for phrase in without):
            raise EmptyQueryError("An excluded phrase is empty.", hint="Say what to leave out.")
        asked = [self._question(wanted, phrase) for phrase in without]
        texts = [*without, *(text for q in asked for text in (*q.excluded, *q.others))]
        unique = list(dict.fromkeys(texts))
        rows = dict(zip(unique, self._encoder.encode_texts(unique))) if unique else {}
        strict = self._strictness
        weights = [strict.away if q.known else strict.away_unknown for q in asked]
        return Exclusion(
            phrases=np.array([rows[p] for p in without], np.float32).reshape(-1, self._encoder.dim),
            weights=np.array(weights, np.float32),
            tests=tuple(self._test(question, rows) for question in asked),
        )

    def _test(
        self, question: "_Question", rows: Mapping[str, NDArray[np.float32]]
    ) -> _AgainstValues | _AgainstAnything:
        excluded = np.stack([rows[text] for text in question.excluded])
        others = np.stack([rows[text] for text in question.others])
        if question.known:
            return _AgainstValues(excluded, others, self._strictness.slack)
        return _AgainstAnything(excluded, others, self._strictness.stands_out)

    def _question(self, wanted: str, phrase: str) -> "_Question":
        """The texts that one excluded phrase is judged by."""
        sense = self._vocabulary.find(phrase)
        if sense is None:
            if f" {phrase} ".lower() in f" {wanted} ".lower():
                raise _contradiction(wanted, phrase)
            every = [each for each in self._vocabulary.attributes.values() if not each.alone]
            anything = [value for each in every for value in each.values[:_SPEAK_FOR_ALL]]
            return _Question(False, _before([phrase], wanted), _before(anything, wanted))
        rest, named = self._apart(wanted, sense.attribute)
        values = [v for v in sense.attribute.values if v in sense.values - named]
        if sense.own in named or not values:
            raise _contradiction(wanted, phrase)
        others = [v for v in sense.attribute.values if v not in values]
        noun = "" if sense.attribute.alone else rest
        return _Question(True, _before(values, noun), _before(others, noun))

    def _apart(self, wanted: str, attribute: Attribute) -> tuple[str, set[str]]:
        """What is wanted without its values of the attribute, and these: "dress", {"red"}."""
        rest: list[str] = []
        named: set[str] = set()
        for text, sense in self._vocabulary.named(wanted):
            if sense and sense.attribute == attribute:
                named.add(sense.own)
            else:
                rest.append(text)
        return " ".join(rest), named - {""}


@dataclass(frozen=True, slots=True)
class _Question:
    """The texts of one test: whether an item is rather `excluded` than `others`."""

    known: bool
    excluded: list[str]
    others: list[str]


def _before(values: Sequence[str], noun: str) -> list[str]:
    return [f"{value} {noun}".strip() for value in values]


def _contradiction(wanted: str, phrase: str) -> InvalidQueryError:
    return InvalidQueryError(
        f"The query wants {wanted!r} and excludes {phrase!r}.",
        hint="Leave one of them out, or put words that are not meant as an exclusion in quotes.",
        details={"wanted": wanted, "without": phrase},
    )
