"""How relevant the hits of a query are: calibrations of the collections that are served.

A calibration is made at the first query that wants one, from a sample of the collection's
embeddings, and is kept in memory until the collection has changed by a tenth.
"""

import hashlib
import heapq
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.encoders.base import Encoder
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
from search.store.base import CollectionSpec, Store
from search.types import ImagePart, TextPart

FEWEST_ITEMS = 50
"""Collections of fewer items say too little of what is usual in them."""

CHANGED_SHARE = 0.1

_MOST_KEPT = 4

_MODALITIES: dict[type, Modality] = {TextPart: "text", ImagePart: "image"}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the scores of one query are worth. `page` is the relevance of the query, 0..1."""

    calibration: Calibration
    embedding: NDArray[np.float32]
    page: float

    @property
    def is_match(self) -> bool:
        """Whether the collection has an answer to the query."""
        return self.page >= MATCH

    def of(self, scores: Sequence[float]) -> list[float]:
        """The relevance of hits with these scores, 0..1, in their order."""
        asked = np.asarray(scores, dtype=np.float32)
        return list(map(float, self.calibration.relevance(asked, self.embedding, self.page)))

    def least_score(self, relevance: float) -> float:
        """The score from which on a hit has this relevance or more."""
        return self.calibration.score_of(relevance, self.embedding, self.page)


class Judges:
    """Judges queries on the collections of one store. Safe for several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._backgrounds: dict[str, Background] = {}
        self._calibrations: dict[str, tuple[int, Calibration]] = {}

    def judge(
        self, meaning: Meaning, collection: CollectionSpec, encoder: Encoder
    ) -> Judgement | None:
        """What the query's scores are worth; None if the collection has too few items to say."""
        calibration = self._calibration(collection, encoder)
        if calibration is None:
            return None
        pages = [
            calibration.page_relevance(embedding, _MODALITIES[type(part)])
            for part, embedding in meaning.wanted
            if type(part) in _MODALITIES
        ]
        # An item of the collection is something that the collection has.
        return Judgement(calibration, meaning.embedding, min(pages, default=1.0))

    def _calibration(self, collection: CollectionSpec, encoder: Encoder) -> Calibration | None:
        count = self._store.count(collection.name)
        if count < FEWEST_ITEMS:
            return None
        # One at a time: several queries that come at once would all make the same.
        with self._lock:
            made_of, calibration = self._calibrations.get(collection.name, (0, None))
            if calibration is None or abs(count - made_of) > CHANGED_SHARE * made_of:
                calibration = calibrate(self._background(encoder), self._sample(collection.name))
                self._calibrations[collection.name] = (count, calibration)
                for name in list(self._calibrations)[:-_MOST_KEPT]:
                    del self._calibrations[name]
            return calibration

    def _background(self, encoder: Encoder) -> Background:
        model = encoder.identity.fingerprint
        if model not in self._backgrounds:
            self._backgrounds = {model: embed_background(encoder)}
        return self._backgrounds[model]

    def _sample(self, collection: str) -> NDArray[np.float32]:
        """Embeddings of SAMPLE items, the same ones as long as the items are the same."""
        ids = heapq.nsmallest(SAMPLE, self._store.scan_ids(collection), key=_order)
        _, embeddings = self._store.embeddings(collection, sorted(ids))
        return embeddings


def _order(id: str) -> bytes:
    return hashlib.sha256(id.encode()).digest()
