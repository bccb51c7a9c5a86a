"""From a source's embedding and a change in words to the embedding of a query."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from search.composition.reading import Change
from search.encoders.base import Encoder
from search.encoders.known_texts import embed_known
from search.errors import InvalidQueryError
from search.vocabulary import vocabulary

Embedding = NDArray[np.float32]
"""`(dim,) float32`."""

STRENGTH = 1.5
"""How far a change moves the source. Tuned with `mini` (benchmarks/composition.py)."""

_NEAREST_NOUNS = 3
# CLIP's own: cosines times 100, the most that its training allows.
_TEMPERATURE = 0.01


class Composer:
    """Makes "this item, but in red" one query, in the space of one model.

    The wanted value is worded with the nouns that are nearest to the source ("red shirt"), and
    so is what the source seems to be now ("blue shirt"). The query is
    `source + strength * (wanted + wanted - present)`, normalised: the difference moves the one
    attribute and leaves the rest, the wanted text holds the kind.

    Safe to call from several threads. Embeddings of the vocabulary are shared by all composers
    of one model; the first change of an attribute for a noun embeds up to a hundred texts, once.
    """

    def __init__(self, encoder: Encoder, *, strength: float = STRENGTH) -> None:
        """`strength` other than the default is for models that were measured with it."""
        self._encoder = encoder
        self._strength = strength

    def changed(
        self, source: Embedding, changes: Sequence[Change], weight: float = 1.0
    ) -> Embedding:
        """The query for what is like the source, but for these changes (see `read_changes`).

        `source` is the embedding of an image or item, `(dim,) float32`, L2-normalised; so is the
        result. `weight` is the changes', relative to the source's 1; 0, and no changes, give the
        source back.

        Raises:
            InvalidQueryError: source and changes cancel each other out.
        """
        shift = self._strength * self._shift(source, changes)
        return _normalised(source + weight * shift)

    def _shift(self, source: Embedding, changes: Sequence[Change]) -> Embedding:
        """Where the changes lead, for a strength of 1. `(dim,) float32`."""
        nouns, shares = self._nouns(source)
        total = np.zeros_like(source)
        for change in changes:
            values = vocabulary().attributes[change.attribute].values
            texts = self._worded(values, nouns, shares)
            present = _shares(_rows_normalised(texts) @ source) @ texts
            wanted = texts[values.index(change.value)]
            # Each change's text names the kind anew: their mean holds it as one text does.
            total += (wanted - present) + wanted / len(changes)
        return np.asarray(total, dtype=np.float32)

    def _nouns(self, source: Embedding) -> tuple[list[str], Embedding]:
        """The nouns nearest to the source, nearest first, and the share of each; they sum to 1."""
        nouns = vocabulary().nouns
        cosines = embed_known(self._encoder, nouns) @ source
        nearest = np.argsort(-cosines, kind="stable")[:_NEAREST_NOUNS]
        return [nouns[place] for place in nearest], _shares(cosines[nearest])

    def _worded(
        self, values: Sequence[str], nouns: Sequence[str], shares: Embedding
    ) -> NDArray[np.float32]:
        """Each value before each noun, the nouns' texts added up by share. `(values, dim)`."""
        texts = [f"{value} {noun}" for noun in nouns for value in values]
        rows = embed_known(self._encoder, texts).reshape(len(nouns), len(values), -1)
        return np.asarray(np.tensordot(shares, rows, axes=1), dtype=np.float32)


def _shares(cosines: Embedding) -> Embedding:
    """What each text claims of the image, as CLIP's zero-shot classification; they sum to 1."""
    logits = (cosines - cosines.max()) / _TEMPERATURE
    powers = np.exp(logits)
    return np.asarray(powers / powers.sum(), dtype=np.float32)


def _rows_normalised(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-12), dtype=np.float32)


def _normalised(vector: NDArray[np.float32]) -> Embedding:
    norm = float(np.linalg.norm(vector))
    if norm < 1e-6:
        raise InvalidQueryError(
            "The parts of the query cancel each other out.", hint="Change their weights."
        )
    return np.asarray(vector / norm, dtype=np.float32)
