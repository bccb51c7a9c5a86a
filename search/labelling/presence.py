"""Whether each of several labels fits, each by itself: any number of them may."""

import numpy as np
from numpy.typing import NDArray

from search.encoders.base import Embeddings
from search.labelling.attributes import ALONE, Attribute
from search.labelling.labeller import Labeller
from search.vocabulary import vocabulary

STANDS_OUT = 2.5
"""Standard deviations above the background at which a label is as likely as not."""

SPREAD = 0.3
"""Standard deviations within which the confidence rises from 0.5 to 0.73."""


class Presence:
    """How far each label stands out of words that mostly do not fit: the vocabulary's nouns.

    z = (cosine of the label - mean of the background's cosines) / their standard deviation
    confidence = 1 / (1 + exp(-(z - STANDS_OUT) / SPREAD))

    Only cosines of one item are compared, so that the scale of a model's cosines does not matter.
    Labels say nothing about each other: adding one changes no other's confidence.
    """

    def __init__(self, labeller: Labeller) -> None:
        self._labeller = labeller

    def confidences(self, attribute: Attribute, embeddings: Embeddings) -> NDArray[np.float64]:
        """`(n, values) float64`, each between 0 and 1, for `(n, dim)` normalised embeddings."""
        background = embeddings @ self._labeller.ensemble(vocabulary().nouns).T
        templates = ALONE if attribute.takes_nouns else attribute.templates
        cosines = embeddings @ self._labeller.ensemble(attribute.wordings, templates).T
        spread = np.maximum(background.std(axis=1, keepdims=True), 1e-6)
        z = (cosines - background.mean(axis=1, keepdims=True)) / spread
        return np.asarray(1 / (1 + np.exp(-(z.astype(np.float64) - STANDS_OUT) / SPREAD)))
