"""Diversity: maximal marginal relevance.

J. Carbonell and J. Goldstein, "The use of MMR, diversity-based reranking for reordering documents
and producing summaries", SIGIR 1998: each next hit is the one with the largest

    (1 - diversity) * relevance - diversity * largest similarity to a hit before it

`relevance` is the score, stretched so that the best of the relevant set has 1 and the worst 0:
scores of texts lie within a narrow band (0.2 to 0.4, say), in which no picture would weigh
anything against similarities of pictures. `similarity` is the cosine of their embeddings.
"""

from collections.abc import Sequence

import numpy as np

from search.ranking.groups import Group
from search.ranking.similarity import similarities


def diversified(groups: Sequence[Group], diversity: float) -> list[Group]:
    """The groups in the order of maximal marginal relevance, ties in the order given.

    `diversity` 0 leaves the order of scores; 1 looks at nothing but difference, after the best.
    """
    alike = similarities(groups)
    scores = np.array([group.score for group in groups], dtype=np.float64)
    spread = np.ptp(scores) if len(groups) else 0.0
    relevance = (scores - scores.min()) / spread if spread else np.zeros(len(groups))
    nearest = np.zeros(len(groups))  # Of nothing before, all are equally different.
    left = np.ones(len(groups), dtype=bool)
    order: list[int] = []
    for turn in range(len(groups)):
        gain = relevance if turn == 0 else (1 - diversity) * relevance - diversity * nearest
        chosen = int(np.argmax(np.where(left, gain, -np.inf)))
        nearest = alike[chosen] if turn == 0 else np.maximum(nearest, alike[chosen])
        left[chosen] = False
        order.append(chosen)
    return [groups[index] for index in order]
