"""How relevant the hits of a query are: calibrations of the collections that are served.

Making one takes seconds. So `vitrine index` and `vitrine reindex` make it when they end and keep
it as a file, and whoever judges takes it from there. Where there is none that fits, a query makes
it and waits, or, once `Judges.begin` was called, is not judged until it has been made beside the
queries: that is what a service wants.

A calibration fits as long as its collection holds the items that it was made from, with the same
embeddings, and about as many: no name, version or clock has to be trusted for that.
"""

import hashlib
import heapq
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search.beside import begin_beside
from search.encoders.base import Encoder
from search.errors import VitrineError
from search.lexical import LexicalIndex, LexicalIndexes
from search.meaning import Meaning
from search.ranking.relevance import (
    MATCH,
    SAMPLE,
    Background,
    Calibration,
    Modality,
    calibrate,
    embed_background,
)
from search.ranking.relevance_files import CalibrationFiles, Made
from search.ranking.relevance_words import names_any, share_known, with_words
from search.store.base import CollectionSpec, Store
from search.types import Hit, ImagePart, QueryPart, TextPart

FEWEST_ITEMS = 50
"""Collections of fewer items say too little of what is usual in them."""

CHANGED_SHARE = 0.1
"""A calibration is made anew when so many of its items, or of their number, have changed."""

CHECK_AFTER_S = 60.0
"""How long a calibration is taken to fit, beside the glance that each query takes."""

CHECKED_ITEMS = 48
GLANCED_AT = 8
"""How many items of a sample are looked up to see whether it is still the collection's."""

MADE_ANEW = 0.5
"""So many of the items at a glance have changed only where it is another collection."""

SAME = 1e-5
"""Two embeddings whose values differ by less are the same one, stored and read."""

NOTHING_WANTED = "How relevant hits are cannot be said where nothing is said to be wanted."
TOO_FEW = f"A collection of fewer than {FEWEST_ITEMS} items cannot say how relevant hits are."
NOT_YET = (
    "How relevant hits are cannot be said yet: the collection is being looked at for it. "
    "Nothing was left out. Ask again in a few seconds."
)
NO_MATCH = "No good match: nothing here is much like that."

_MOST_HELD = 4

_log = logging.getLogger("vitrine.engine")

_MODALITIES: dict[type, Modality] = {TextPart: "text", ImagePart: "image"}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the scores of one query are worth. `page` is the relevance of the query, 0..1.

    `of_hits` is the same without what known words add to it: a title that has the word "red" makes
    it likelier that there is something red, but no single hit any redder.
    """

    calibration: Calibration
    embedding: NDArray[np.float32]
    page: float
    of_hits: float

    def of(self, scores: Sequence[float]) -> list[float]:
        """The relevance of hits with these scores, 0..1, in their order."""
        asked = np.asarray(scores, dtype=np.float32)
        return list(map(float, self.calibration.relevance(asked, self.embedding, self.of_hits)))

    def judged(self, hits: Sequence[Hit]) -> tuple[Hit, ...]:
        """The hits and their variants, each with the relevance of its own score."""
        told = iter(self.of([each.score for hit in hits for each in (hit, *hit.variants)]))
        return tuple(
            replace(
                hit,
                relevance=next(told),
                variants=tuple(replace(each, relevance=next(told)) for each in hit.variants),
            )
            for hit in hits
        )

    def least_score(self, relevance: float) -> float:
        """The score from which on a hit has this relevance or more."""
        return self.calibration.score_of(relevance, self.embedding, self.of_hits)


@dataclass(frozen=True, slots=True)
class _Held:
    """A calibration in memory, and when it was last seen to fit."""

    made: Made
    checked_s: float


_Key = tuple[str, str]
"""A collection's name and the fingerprint of its model."""


class Judges:
    """Judges queries on the collections of one store. Safe for several threads."""

    def __init__(
        self, store: Store, folder: Path | None = None, indexes: LexicalIndexes | None = None
    ) -> None:
        """`folder` is where calibrations are kept as files; without it, in memory alone.

        `indexes` know the collections' own words; without them texts are judged by pictures alone.
        """
        self._store = store
        self._indexes = indexes
        self._files = None if folder is None else CalibrationFiles(folder, store.address)
        self._beside = self._closed = False
        self._making = threading.Lock()
        self._backgrounds: dict[str, Background] = {}
        self._held: dict[_Key, _Held] = {}

    def judge(
        self, meaning: Meaning, collection: CollectionSpec, encoder: Encoder
    ) -> tuple[Judgement | None, list[str]]:
        """What the query's scores are worth, and what people should be told of it.

        None if the query says of nothing that it is wanted, if the collection has fewer than
        FEWEST_ITEMS items, or if its calibration is being made beside the queries.
        """
        if not meaning.wanted:
            return None, [NOTHING_WANTED]
        calibration = self._calibration(collection, encoder)
        if isinstance(calibration, str):
            return None, [calibration]
        by_pictures = [
            (part, calibration.page_relevance(embedding, modality))
            for part, embedding in meaning.wanted
            if (modality := _MODALITIES.get(type(part)))
        ]
        # An item of the collection is something that the collection has.
        index = self._index(collection, calibration)
        page = min((_with_words(*each, index) for each in by_pictures), default=1.0)
        of_hits = min([page, *(relevance for _, relevance in by_pictures)])
        judgement = Judgement(calibration, meaning.embedding, page, of_hits)
        return judgement, [] if judgement.page >= MATCH else [NO_MATCH]

    def prepare(self, collection: CollectionSpec, encoder: Encoder) -> None:
        """Wait for a calibration that fits the collection, and have it kept as a file."""
        if self._store.count(collection.name) >= FEWEST_ITEMS:
            with self._making:
                self._fitting(_key(collection, encoder), encoder)

    def begin(self, collection: CollectionSpec, encoder: Encoder) -> None:
        """From now on no query waits for a calibration; that of this collection is made now."""
        self._beside = True
        if self._indexes is not None:
            self._indexes.at_hand(collection, wait=False)
        if self._store.count(collection.name) >= FEWEST_ITEMS:
            self._start(_key(collection, encoder), encoder)

    def close(self) -> None:
        """The store is closed next: what is made beside the queries fails, and nobody minds."""
        self._closed = True

    def _index(self, collection: CollectionSpec, calibration: Calibration) -> LexicalIndex | None:
        """The words of the collection, if they are at hand and tell anything."""
        if self._indexes is None:
            return None
        index = self._indexes.at_hand(collection, wait=not self._beside)
        return index if index is not None and names_any(calibration.stocked, index) else None

    def _calibration(self, collection: CollectionSpec, encoder: Encoder) -> Calibration | str:
        """The collection's calibration, or why there is none."""
        key = _key(collection, encoder)
        held = self._held.get(key)
        if held and self._changed(held.made, collection.name, GLANCED_AT) < MADE_ANEW:
            if time.monotonic() - held.checked_s > CHECK_AFTER_S:
                self._start(key, encoder)
            return held.made.calibration
        count = self._store.count(collection.name)
        if count < FEWEST_ITEMS:
            return TOO_FEW
        if self._beside:
            if made := self._at_hand(key, count):
                return made.calibration
            self._start(key, encoder)
            return NOT_YET
        with self._making:  # One at a time: queries that come at once would all make the same.
            return self._fitting(key, encoder).calibration

    def _start(self, key: _Key, encoder: Encoder) -> None:
        """See in another thread that there is a calibration that fits, unless one is at it."""
        begin_beside(self._making, partial(self._renew, key, encoder), name="calibrate")

    def _renew(self, key: _Key, encoder: Encoder) -> None:
        try:
            self._fitting(key, encoder)
        except VitrineError as error:
            # The next query tries again, and has the old one meanwhile if there is one.
            if not self._closed:
                _log.warning("Calibrating %s failed: %s", key[0], error)

    def _fitting(self, key: _Key, encoder: Encoder) -> Made:
        """A calibration that fits: one that is at hand, or else a new one."""
        count = self._store.count(key[0])
        return self._at_hand(key, count) or self._make(key, encoder, count)

    def _at_hand(self, key: _Key, count: int) -> Made | None:
        """The calibration held, or that of the file, if it fits a collection of so many items."""
        held = self._held.get(key)
        made = held.made if held else None
        if made is None or not self._fits(made, key[0], count):
            made = self._files.load(*key) if self._files is not None else None
            if made is None or not self._fits(made, key[0], count):
                return None
        self._hold(key, made)
        return made

    def _fits(self, made: Made, collection: str, count: int) -> bool:
        grown = abs(count - made.count) / max(made.count, 1)
        changed = self._changed(made, collection, CHECKED_ITEMS)
        return max(grown, changed) <= CHANGED_SHARE

    def _changed(self, made: Made, collection: str, look: int) -> float:
        """The share of the sample's first `look` items that are gone or are others, 0..1."""
        # The sample is in the order of a hash: its first items are as good as any.
        ids = made.ids[:look]
        found, stored = self._store.embeddings(collection, ids)
        rows = {id: row for id, row in zip(ids, made.calibration.sample)}
        same = [np.abs(rows[id] - row).max() < SAME for id, row in zip(found, stored)]
        return 1 - float(np.sum(same)) / len(ids)

    def _make(self, key: _Key, encoder: Encoder, count: int) -> Made:
        ids, sample = self._sample(key[0])
        made = Made(calibrate(self._background(encoder), sample), tuple(ids), count)
        if self._files is not None:
            self._files.keep(*key, made, self._store.names())
        self._hold(key, made)
        return made

    def _hold(self, key: _Key, made: Made) -> None:
        others = {other: held for other, held in self._held.items() if other != key}
        newest = sorted(others, key=lambda other: others[other].checked_s)[-(_MOST_HELD - 1) :]
        kept = {other: others[other] for other in newest}
        self._held = kept | {key: _Held(made, time.monotonic())}

    def _background(self, encoder: Encoder) -> Background:
        model = encoder.identity.fingerprint
        if model not in self._backgrounds:
            self._backgrounds = {model: embed_background(encoder)}
        return self._backgrounds[model]

    def _sample(self, collection: str) -> tuple[list[str], NDArray[np.float32]]:
        """SAMPLE items by a hash of their ids: the same ones as long as the items are the same."""
        ids = heapq.nsmallest(SAMPLE, self._store.scan_ids(collection), key=_order)
        return self._store.embeddings(collection, ids)


def _with_words(part: QueryPart, by_pictures: float, index: LexicalIndex | None) -> float:
    """The relevance of one part, 0..1, its words taken into account if it has any."""
    if index is None or not isinstance(part, TextPart):
        return by_pictures
    share = share_known(part.text, index)
    return by_pictures if share is None else with_words(by_pictures, share)


def _key(collection: CollectionSpec, encoder: Encoder) -> _Key:
    return collection.name, encoder.identity.fingerprint


def _order(id: str) -> bytes:
    return hashlib.sha256(id.encode()).digest()
