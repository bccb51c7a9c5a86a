"""How alike the pictures of groups are."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from search.ranking.groups import Group

DECIMALS = 6
"""As scores: the noise of float32 sums would order equal pictures by chance."""


def similarities(groups: Sequence[Group]) -> NDArray[np.float64]:
    """Cosine similarity of each group's best picture to each other's, `(n, n) float64`."""
    if not groups:
        return np.zeros((0, 0))
    embeddings = np.stack([group.best.embedding for group in groups])
    alike = np.asarray(embeddings @ embeddings.T, dtype=np.float64)
    return np.round(alike, DECIMALS)
