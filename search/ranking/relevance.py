"""What a score is worth: relevance in 0..1, and whether a query has an answer at all.

A cosine of 0.3 says nothing to people: how high scores go depends on model, catalogue and query.
A calibration compares the query with a background: some hundred phrases of every domain, of which
it learns from the items' embeddings alone which groups the catalogue has. See docs/relevance.md.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from search.encoders.base import Embeddings
from search.errors import InvalidInputError
from search.ranking.relevance_background import Background, embed_background
from search.ranking.relevance_fitting import scores_of, sigmoid
from search.ranking.relevance_images import ImageFit, fit_images
from search.ranking.relevance_texts import TextFit, fit_texts

__all__ = [
    "MATCH",
    "SAMPLE",
    "Background",
    "Calibration",
    "Modality",
    "calibrate",
    "embed_background",
]

Modality = Literal["text", "image"]

SAMPLE = 2_000
"""How many items of a collection a calibration looks at, at most."""

MATCH = 0.5
"""From which relevance of a whole query on the catalogue has an answer to it."""

FALL = 12.0
"""How much a hit's logit falls from the query's best scores down to its mean score.

Chosen so that of hits with a relevance of 0.6 about 0.6 were right (docs/relevance.md).
"""

SURE = 0.02
"""No query is surer than this to have an answer, or to have none."""

LEAST_DEPTH = 1e-3
"""Best and mean scores that are closer than this are taken for rounding."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Turns the scores of one collection, with one model, into relevance.

    `sample` is `(n, dim) float32`, L2-normalised: the items that it looked at. `texts` and
    `images` are what it learnt of queries of either modality.
    """

    sample: Embeddings
    texts: TextFit
    images: ImageFit

    @property
    def stocked(self) -> tuple[str, ...]:
        """The groups of the background that the catalogue seems to have."""
        return self.texts.stocked

    def page_relevance(self, embedding: NDArray[np.float32], modality: Modality) -> float:
        """How likely the catalogue has what the query asks for, in 0..1, both excluded.

        `embedding` is `(dim,) float32`, L2-normalised. 0.5 of a text is where a phrase of the
        background is as likely from a group in stock as from another, both being asked for
        equally often; of an image, half way between the catalogue's own and pictures of nothing.

        For a query of several parts, take the smallest of its positive parts, each with its own
        modality; a part that is an item of the collection is 1. One thing that the catalogue has
        nothing of spoils the query, whatever else it names. What is negative does not count.

        Raises:
            InvalidInputError: the embedding has another dim, or is not finite.
        """
        query = self._query(embedding)
        if modality == "text":
            logit = self.texts.logit(query, scores_of(query, self.sample))
        else:
            logit = self.images.logit(query)
        return float(np.clip(sigmoid(np.array([logit]))[0], SURE, 1 - SURE))

    def relevance(
        self,
        scores: NDArray[np.float32],
        embedding: NDArray[np.float32],
        page_relevance: float,
    ) -> NDArray[np.float32]:
        """The relevance of each hit, `(k,) float32` in 0..1, in the order of `scores` `(k,)`.

        `embedding` is what was searched with, composed as it may be; `page_relevance` that of the
        query. A hit that scores as the nearest five of the sample do on average has the page's
        relevance; one that scores as a random item does (the query's mean over the sample) has
        FALL less in its logit; between and beyond, the logit is linear in the score. So it is
        monotone, and neither the page's slice nor a filter changes what a hit is worth.

        Raises:
            InvalidInputError: the embedding has another dim, or is not finite.
        """
        top, depth = self._levels(embedding)
        steps = (np.asarray(scores, dtype=np.float64) - top) / depth
        return sigmoid(_logit(page_relevance) + FALL * steps).astype(np.float32)

    def score_of(
        self, relevance: float, embedding: NDArray[np.float32], page_relevance: float
    ) -> float:
        """The score that has this relevance, 0..1: the inverse of `relevance`.

        -inf for 0 and less, inf for 1 and more, which no finite score has. Raises as `relevance`.
        """
        top, depth = self._levels(embedding)
        if not 0 < relevance < 1:
            return -np.inf if relevance <= 0 else np.inf
        wanted = float(np.log(relevance / (1 - relevance)))
        return top + depth * (wanted - _logit(page_relevance)) / FALL

    def _levels(self, embedding: NDArray[np.float32]) -> tuple[float, float]:
        """The mean of the query's best scores over the sample, and its height over all scores."""
        own = scores_of(self._query(embedding), self.sample)
        top, mean = float(np.squeeze(own.top)), float(np.squeeze(own.mean))
        return top, max(top - mean, LEAST_DEPTH)

    def _query(self, embedding: NDArray[np.float32]) -> Embeddings:
        dim = self.sample.shape[1]
        if embedding.shape != (dim,) or not np.isfinite(embedding).all():
            raise InvalidInputError(
                f"An embedding of shape {embedding.shape} cannot be judged: {dim} finite values"
                " are needed.",
                hint="Embed the query with the collection's own model.",
            )
        return np.asarray(embedding, dtype=np.float32)[None]


def _logit(page_relevance: float) -> float:
    page = float(np.clip(page_relevance, SURE, 1 - SURE))
    return float(np.log(page / (1 - page)))


def calibrate(background: Background, sample: Embeddings) -> Calibration:
    """Fit a calibration to a collection; the same sample gives the same.

    `sample` is `(n, dim) float32`, L2-normalised: SAMPLE items of the collection at most, chosen
    without regard to what they are (by a hash of the id, say). `background` comes from
    `embed_background` with the collection's own model.

    Raises:
        InvalidInputError: fewer than two items, another dim, or values that are not finite.
    """
    dim = background.texts.shape[1]
    if sample.ndim != 2 or len(sample) < 2 or sample.shape[1] != dim:
        raise InvalidInputError(
            f"A sample of shape {sample.shape} cannot calibrate a model of {dim} dims.",
            hint="Take two items or more of a collection that this model made.",
        )
    if not np.isfinite(sample).all():
        raise InvalidInputError("The sample has values that are not finite.")
    kept = np.asarray(sample, dtype=np.float32)
    return Calibration(kept, fit_texts(background, kept), fit_images(background, kept))
