"""How relevant the hits of a query are: calibrations of the collections that are served.

A calibration is made at the first query that wants one, from a sample of the collection's
embeddings, and is kept in memory. When the number of items has changed by a tenth, or after an
hour, a new one is made beside the queries, which are judged by the old one meanwhile.
"""

import hashlib
import heapq
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.encoders.base import Encoder
from search.errors import VitrineError
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
STALE_S = 3600.0

_MOST_KEPT = 4

_log = logging.getLogger("vitrine.engine")

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


@dataclass(frozen=True, slots=True)
class _Kept:
    """A calibration, and what the collection was when it was made."""

    calibration: Calibration
    count: int
    made_s: float

    def is_stale(self, count: int, now_s: float) -> bool:
        changed = abs(count - self.count) > CHANGED_SHARE * self.count
        return changed or now_s - self.made_s > STALE_S


class Judges:
    """Judges queries on the collections of one store. Safe for several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._making = threading.Lock()
        self._backgrounds: dict[str, Background] = {}
        # By name and model: the name of a version that was dropped may be used again.
        self._kept: dict[tuple[str, str], _Kept] = {}

    def judge(
        self, meaning: Meaning, collection: CollectionSpec, encoder: Encoder
    ) -> Judgement | None:
        """What the query's scores are worth.

        None if the query says of nothing that it is wanted, or if the collection has fewer than
        FEWEST_ITEMS items.
        """
        if not meaning.wanted:
            return None
        count = self._store.count(collection.name)
        if count < FEWEST_ITEMS:
            return None
        calibration = self._calibration(collection, encoder, count)
        pages = [
            calibration.page_relevance(embedding, _MODALITIES[type(part)])
            for part, embedding in meaning.wanted
            if type(part) in _MODALITIES
        ]
        # An item of the collection is something that the collection has.
        return Judgement(calibration, meaning.embedding, min(pages, default=1.0))

    def _calibration(self, collection: CollectionSpec, encoder: Encoder, count: int) -> Calibration:
        key = collection.name, encoder.identity.fingerprint
        kept = self._kept.get(key)
        if kept is None:
            # One at a time: several queries that come at once would all make the same.
            with self._making:
                return (self._kept.get(key) or self._make(key, encoder, count)).calibration
        if kept.is_stale(count, time.monotonic()) and self._making.acquire(blocking=False):
            threading.Thread(target=self._renew, args=(key, encoder, count), daemon=True).start()
        return kept.calibration

    def _renew(self, key: tuple[str, str], encoder: Encoder, count: int) -> None:
        """Make a calibration anew, in a thread that has the lock of making."""
        try:
            self._make(key, encoder, count)
        except VitrineError as error:
            # The old one is still there, and the next query tries again.
            _log.warning("Calibrating %s failed: %s", key[0], error)
        finally:
            self._making.release()

    def _make(self, key: tuple[str, str], encoder: Encoder, count: int) -> _Kept:
        calibration = calibrate(self._background(encoder), self._sample(key[0]))
        made = _Kept(calibration, count, time.monotonic())
        others = {other: kept for other, kept in self._kept.items() if other != key}
        newest = sorted(others, key=lambda other: others[other].made_s)[-(_MOST_KEPT - 1) :]
        self._kept = {other: others[other] for other in newest} | {key: made}
        return made

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
