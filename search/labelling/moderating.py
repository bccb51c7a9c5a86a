"""Moderation of a whole collection, from the embeddings that it has."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappush, heappushpop

import numpy as np

from search.encoders.base import Embeddings, Encoder
from search.errors import ConfigError, UnknownFieldError
from search.labelling.flags import Flag
from search.labelling.labeller import Labeller
from search.labelling.sampling import sampled
from search.labelling.tagging import said_of
from search.labelling.tails import Floats, Tail, counted_tail, tail_of
from search.regions import is_part
from search.store.base import Entity, Store
from search.switching import check_model
from search.types import Field, FieldType, Item
from search.vocabulary import vocabulary, words_of

MOST_KEPT = 1_000
"""Flagged items that are kept for each flag, the surest; `on_flagged` hears of all."""

FEWEST_ITEMS = 50
"""Fewer say too little of what is usual."""

TEMPERATURE = 0.02
"""Of the soft maximum over words; that of labels."""

_SAME_THING = 0.9
"""Cosine of two texts from which on a noun of the vocabulary means what is flagged."""


@dataclass(frozen=True, slots=True)
class Flagged:
    """An item that is flagged. `share` of the items without the thing would score as high."""

    id: str
    title: str
    image: str
    flag: str
    score: float
    share: float


@dataclass(frozen=True, slots=True)
class Known:
    """How a flag did where the catalogue knows: fitted on a half of the items, judged on the other.

    `shown` items of the judged half show the thing, `harmless` ones have another value; `found`
    and `false_alarms` of these were flagged. Items without a value count for neither.
    """

    shown: int
    harmless: int
    found: int
    false_alarms: int


@dataclass(slots=True)
class Moderated:
    """What came of one flag: `flagged` of `items` reach its threshold.

    `known` is None where no column has answers; the threshold is then that of the collection's own
    tail of scores.
    """

    flag: Flag
    threshold: float
    tail: Tail
    known: Known | None
    items: int = 0
    flagged: int = 0
    _surest: list[tuple[float, int, Flagged]] = field(default_factory=list)

    @property
    def surest(self) -> list[Flagged]:
        """The surest ones, at most `MOST_KEPT`: the lowest share first, ties by score, then id."""
        kept = (each for _, _, each in self._surest)
        return sorted(kept, key=lambda each: (each.share, -each.score, each.id))

    def add(self, found: Flagged) -> None:
        """Count a flagged item."""
        self.flagged += 1
        entry = (found.score, -self.flagged, found)
        if len(self._surest) < MOST_KEPT:
            heappush(self._surest, entry)
        else:
            heappushpop(self._surest, entry)


class Flagger:
    """Scores embeddings by how much they show something, in the space of one encoder.

        score = soft maximum of the cosines with the flag's words
              - soft maximum of those with what else it may be

    What else it may be are the vocabulary's nouns, without those that mean the same as the words,
    and the flag's `unlike`. Texts are kept; not for several threads at once.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._labeller = Labeller(encoder)

    def scores(self, flag: Flag, embeddings: Embeddings) -> Floats:
        """`(n,) float64` for `(n, dim)` normalised embeddings; above 0 it is likelier than not."""
        words = self._labeller.ensemble(flag.words)
        nouns = vocabulary().nouns
        near = (self._labeller.ensemble(nouns) @ words.T).max(axis=1) >= _SAME_THING
        named = {word for each in flag.words for word in words_of(each)}
        others = [
            noun
            for noun, is_same in zip(nouns, near)
            if not is_same and not named & set(words_of(noun))
        ]
        harmless = self._labeller.ensemble([*others, *flag.unlike])
        return _soft_maximum(embeddings @ words.T) - _soft_maximum(embeddings @ harmless.T)


def moderate_collection(
    store: Store,
    name: str,
    encoder: Encoder,
    flags: Sequence[Flag],
    *,
    on_flagged: Callable[[Sequence[Item], Sequence[Flagged]], None] = lambda items, found: None,
    on_done: Callable[[int], None] = lambda done: None,
) -> list[Moderated]:
    """Read a collection once and flag its items.

    `on_flagged` gets the items of a batch, and what was flagged of them: by item, in the order of
    `flags`. `on_done` hears how many items are done. Memory is bounded. No picture is read, nothing
    is written.

    Raises:
        CollectionNotFoundError: no such collection or alias.
        ModelMismatchError: the encoder is of another model than the collection.
        UnknownFieldError: a flag's column that is not there, or not one of text.
        ConfigError: fewer than `FEWEST_ITEMS` items, or a column in which nothing is harmless.
    """
    spec = store.resolve(name)
    check_model(spec, encoder)
    _check_columns(flags, spec.fields)
    flagger = Flagger(encoder)
    items, embeddings = sampled(store, spec)
    if len(items) < FEWEST_ITEMS:
        raise ConfigError(
            f"{spec.name} has {len(items)} items: too few to say what is usual in it.",
            hint=f"Thresholds take at least {FEWEST_ITEMS} items.",
        )
    started = [_started(flag, items, flagger.scores(flag, embeddings)) for flag in flags]
    done = 0
    for stored in store.scan(spec.name, embeddings=True):
        if batch := [entity for entity in stored if not is_part(entity.item)]:
            found = list(_flagged(batch, flagger, started))
            on_flagged([entity.item for entity in batch], found)
        done += len(stored)
        on_done(done)
    return started


def _flagged(
    batch: Sequence[Entity], flagger: Flagger, started: Sequence[Moderated]
) -> Iterator[Flagged]:
    embeddings = np.stack([entity.embedding for entity in batch])
    scores = [flagger.scores(one.flag, embeddings) for one in started]
    shares = [one.tail.shares(own) for one, own in zip(started, scores)]
    for one in started:
        one.items += len(batch)
    for row, entity in enumerate(batch):
        for one, own, share in zip(started, scores, shares):
            if own[row] >= one.threshold:
                item, score = entity.item, float(own[row])
                found = Flagged(
                    item.id, item.title, item.image, one.flag.name, score, float(share[row])
                )
                one.add(found)
                yield found


def _started(flag: Flag, items: Sequence[Item], scores: Floats) -> Moderated:
    """The flag with its threshold, from what a sample of items scores."""
    if not flag.column:
        tail = tail_of(scores)
        return Moderated(flag, tail.threshold(flag.false_alarms), tail, None)
    values = [said_of(item, flag.column) for item in items]
    shows = np.array([value in flag.values for value in values])
    # Of an item without a value the catalogue does not know it: it may well show the thing.
    harmless = np.array([bool(value) for value in values]) & ~shows
    half = np.array([hashlib.sha256(item.id.encode()).digest()[0] % 2 == 0 for item in items])
    if not (harmless & half).any() or not (harmless & ~half).any():
        raise ConfigError(
            f"Too few items have another value than those of {flag.name!r}: nothing is harmless.",
            hint="Take the column out of the flag, or values out of its list.",
            details={"flag": flag.name},
        )
    fitted = counted_tail(scores[harmless & half]).threshold(flag.false_alarms)
    said = (scores >= fitted) & ~half
    known = Known(
        shown=int((shows & ~half).sum()),
        harmless=int((harmless & ~half).sum()),
        found=int((said & shows).sum()),
        false_alarms=int((said & harmless).sum()),
    )
    counted = counted_tail(scores[harmless])
    return Moderated(flag, counted.threshold(flag.false_alarms), counted, known)


def _soft_maximum(cosines: Embeddings) -> Floats:
    """`(n,) float64`: `t * log(sum(exp(cosines / t)))` of each row of `(n, texts)`."""
    most = cosines.max(axis=1, keepdims=True).astype(np.float64)
    powers = np.exp((cosines - most) / TEMPERATURE).sum(axis=1)
    return np.asarray(most[:, 0] + TEMPERATURE * np.log(powers))


def _check_columns(flags: Sequence[Flag], fields: Sequence[Field]) -> None:
    texts = [field.name for field in fields if field.type is FieldType.STRING]
    for flag in flags:
        if flag.column and flag.column not in texts:
            raise UnknownFieldError(
                f"There is no column of text {flag.column!r}, which the flag {flag.name!r} names.",
                hint=f"Columns of text: {', '.join(texts) or 'none'}.",
                details={"field": flag.column},
            )
