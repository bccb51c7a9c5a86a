"""A cross-encoder: a model that reads text and picture together, candidate by candidate."""

import threading
from pathlib import Path

import numpy as np

from search.encoders import PairScorer, load_pair_scorer
from search.errors import ImageError
from search.images import DECODING, ImageLimits, decode_image
from search.reranking.base import Images, Scores, Shortlist

WEIGHT = 1.0


class CrossEncoder:
    """Scores each picture together with the text. See `Reranker`.

    The model is loaded with the first query, and one query goes through it at a time.
    """

    def __init__(
        self,
        folder: Path,
        images: Images,
        limits: ImageLimits,
        *,
        device: str = "auto",
        weight: float = WEIGHT,
    ) -> None:
        self.weight = weight
        self._folder = folder
        self._images = images
        self._limits = limits
        self._device = device
        self._scorer: PairScorer | None = None
        self._lock = threading.Lock()

    def scores(self, shortlist: Shortlist) -> Scores:
        """How likely each picture shows the text; NaN where there is no picture.

        Raises:
            InvalidQueryError: the query has no text.
            ModelUnavailableError, UnsupportedError: the folder holds no model that can be used.
        """
        text = " ".join(shortlist.texts())
        items = shortlist.items()
        there = [number for number, item in enumerate(items) if item is not None]
        read = self._images([item for item in items if item is not None])
        scores = np.full(len(items), np.nan, dtype=np.float32)
        with self._lock:
            if self._scorer is None:
                self._scorer = load_pair_scorer(self._folder, device=self._device)
            for number, data in zip(there, read):
                scores[number] = np.nan if data is None else self._score(text, data, self._scorer)
        return scores

    def _score(self, text: str, data: bytes, scorer: PairScorer) -> float:
        try:
            with DECODING:
                image = decode_image(data, self._limits, at_least=scorer.decode_at_least)
        except ImageError:
            return float("nan")
        return scorer.score(text, image)
