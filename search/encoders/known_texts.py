"""Embeddings of texts that come again, computed once for each model."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from search.encoders.base import Embeddings, Encoder, ModelIdentity

MOST_TEXTS = 20_000
"""Bounds the memory: 20 MB with 256 dims, 80 MB with 1,024."""


class KnownTexts:
    """The embeddings of the texts that were asked for last, by model. Safe for several threads."""

    def __init__(self, most: int = MOST_TEXTS) -> None:
        """`most`: how many texts are kept, those that were not asked for the longest go first."""
        self._most = most
        self._rows: OrderedDict[tuple[str, str], NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()
        self._hits = self._misses = 0

    @property
    def hits(self) -> int:
        """How many texts were known when they were asked for."""
        return self._hits

    @property
    def misses(self) -> int:
        """How many texts were not."""
        return self._misses

    def __len__(self) -> int:
        """How many texts are kept."""
        return len(self._rows)

    def embed(
        self, model: ModelIdentity, texts: Sequence[str], encode: Callable[[list[str]], Embeddings]
    ) -> Embeddings:
        """The texts' embeddings, `(n, dim) float32`; `encode` makes those that are not known.

        Two threads that ask for the same new text at once may both have it made.
        """
        if not texts:
            return encode([])
        found = self._look_up(model.fingerprint, texts)
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        if missing:
            made = dict(zip(missing, encode(missing)))
            self._keep(model.fingerprint, made)
            found |= made
        return np.stack([found[text] for text in texts])

    def _look_up(self, model: str, texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        found = {}
        with self._lock:
            for text in dict.fromkeys(texts):
                row = self._rows.get((model, text))
                if row is not None:
                    self._rows.move_to_end((model, text))
                    found[text] = row
                    self._hits += 1
                else:
                    self._misses += 1
        return found

    def _keep(self, model: str, made: dict[str, NDArray[np.float32]]) -> None:
        if len(made) > self._most:
            return
        with self._lock:
            for text, row in made.items():
                self._rows[model, text] = row.copy()  # A row alone keeps its whole batch.
            while len(self._rows) > self._most:
                self._rows.popitem(last=False)


_shared = KnownTexts()


def embed_known(encoder: Encoder, texts: Sequence[str]) -> Embeddings:
    """As `encoder.encode_texts`, `(n, dim) float32`; what was asked before comes from memory.

    For texts that come again: those of a vocabulary, alone or with the noun of a query. The memory
    is shared by all encoders of one model identity.
    """
    return _shared.embed(encoder.identity, texts, encoder.encode_texts)
