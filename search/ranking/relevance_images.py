"""Whether a picture shows what the catalogue has."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.encoders.base import Embeddings
from search.ranking.relevance_background import Background
from search.ranking.relevance_fitting import SMALL, Floats

AXES = 128
"""Most directions that the items' embeddings are described by."""

SHARPNESS = 3.0
"""The logit at the level of the catalogue's own pictures; its negative at that of nothing."""


@dataclass(frozen=True, slots=True)
class ImageFit:
    """What tells pictures like the catalogue's from others.

    `mean` `(dim,)` and `axes` `(r, dim)`, orthonormal, are the items' principal directions. A
    picture is as far from the catalogue as the part of its embedding that they do not describe.
    `near` is how far the catalogue's own are (those that the axes were not fitted to), `far` how
    far pictures of nothing are: the medians.
    """

    mean: Floats
    axes: Floats
    near: float
    far: float

    def logit(self, query: Embeddings) -> float:
        """Of one query `(1, dim)`: 0 half way between `near` and `far`."""
        half = max((self.far - self.near) / 2, SMALL)
        away = float(residuals(query, self.mean, self.axes)[0])
        return SHARPNESS * ((self.far + self.near) / 2 - away) / half


def fit_images(background: Background, sample: Embeddings) -> ImageFit:
    """Describe the items, and measure how far their own and pictures of nothing are."""
    half = residuals(sample[1::2], *principal(sample[::2]))
    mean, axes = principal(sample)
    nothing = residuals(background.pictures, mean, axes)
    return ImageFit(mean, axes, float(np.median(half)), float(np.median(nothing)))


def principal(sample: Embeddings) -> tuple[Floats, Floats]:
    """The mean `(dim,)` and the first principal axes `(r, dim)`; r is a quarter of n at most."""
    centred = sample.astype(np.float64)
    mean: Floats = centred.mean(axis=0)
    # The eigenvectors of a (dim, dim) matrix: cheaper than the singular values of the sample.
    _, vectors = np.linalg.eigh((centred - mean).T @ (centred - mean))
    count = min(AXES, max(1, len(sample) // 4), sample.shape[1] // 2)
    axes: Floats = vectors[:, ::-1][:, :count].T
    return mean, axes


def residuals(embeddings: Embeddings, mean: Floats, axes: NDArray[np.float64]) -> Floats:
    """`(n,)`: length of what the axes do not describe."""
    centred = embeddings.astype(np.float64) - mean
    rest: Floats = np.linalg.norm(centred - (centred @ axes.T) @ axes, axis=1)
    return rest
