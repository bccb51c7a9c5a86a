"""Cosines between embeddings and the values of an attribute."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from search.encoders.base import Embeddings, Encoder
from search.labelling.attributes import ALONE, Attribute
from search.vocabulary import vocabulary

NEAREST_NOUNS = 3
"""How many of the nouns nearest to an item stand for what it is."""

_NOUN_TEMPERATURE = 0.01
_FLOOR = 1e-12


class Labeller:
    """Compares embeddings with what texts say, in the space of one encoder.

    Texts are embedded when they are first needed, and kept; not for several threads at once.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._nouns = vocabulary().nouns
        self._known: dict[tuple[str, tuple[str, ...], tuple[str, ...]], Embeddings] = {}

    def cosines(self, attribute: Attribute, embeddings: Embeddings) -> NDArray[np.float32]:
        """`(n, values) float32`: how near each of the `(n, dim)` embeddings is to each value.

        A value is the mean of its templates' normalised embeddings, normalised. With nouns, the
        cosine is the mean over the item's `NEAREST_NOUNS` nouns, by their share: the softmax of
        their cosines at CLIP's own temperature of 0.01.
        """
        if not attribute.takes_nouns:
            return np.asarray(embeddings @ self._worded(attribute, "").T, dtype=np.float32)
        found = np.zeros((len(embeddings), len(attribute.values)), dtype=np.float32)
        shares = self._shares(embeddings)
        for place, noun in enumerate(self._nouns):
            rows = np.flatnonzero(shares[:, place])
            if len(rows):
                near = embeddings[rows] @ self._worded(attribute, noun).T
                found[rows] += shares[rows, place][:, None] * near
        return found

    def steps(self, attribute: Attribute) -> list[Callable[[], Embeddings]]:
        """Calls that embed, a few texts each, all that `cosines` may need of the attribute."""
        if not attribute.takes_nouns:
            return [partial(self._worded, attribute, "")]
        nouns = [partial(self._worded, attribute, noun) for noun in self._nouns]
        return [partial(self.ensemble, self._nouns, ("{}",)), *nouns]

    def ensemble(self, wordings: Sequence[str], templates: Sequence[str] = ALONE) -> Embeddings:
        """`(n, dim) float32`, L2-normalised: each wording as the mean of its templates."""
        key = ("", tuple(wordings), tuple(templates))
        return self._mean(key)

    def _worded(self, attribute: Attribute, noun: str) -> Embeddings:
        return self._mean((noun, attribute.wordings, attribute.templates))

    def _mean(self, key: tuple[str, tuple[str, ...], tuple[str, ...]]) -> Embeddings:
        if key not in self._known:
            noun, wordings, templates = key
            forms = [template.replace("{noun}", noun) for template in templates]
            texts = [form.replace("{}", wording) for wording in wordings for form in forms]
            rows = self._encoder.encode_texts(texts).reshape(len(wordings), len(forms), -1)
            mean = rows.mean(axis=1)
            norms = np.linalg.norm(mean, axis=1, keepdims=True)
            self._known[key] = np.asarray(mean / np.maximum(norms, _FLOOR), dtype=np.float32)
        return self._known[key]

    def _shares(self, embeddings: Embeddings) -> NDArray[np.float32]:
        """`(n, nouns) float32`: the share of each item's nearest nouns, 0 for the others."""
        cosines = embeddings @ self.ensemble(self._nouns, ("{}",)).T
        most = min(NEAREST_NOUNS, cosines.shape[1])
        nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :most]
        logits = np.take_along_axis(cosines, nearest, axis=1) / _NOUN_TEMPERATURE
        powers = np.exp(logits - logits[:, :1])
        shares = np.zeros_like(cosines)
        np.put_along_axis(shares, nearest, powers / powers.sum(axis=1, keepdims=True), axis=1)
        return np.asarray(shares, dtype=np.float32)
