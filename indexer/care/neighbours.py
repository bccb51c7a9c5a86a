"""Exact cosine similarity of everything with everything, tile by tile: bounded memory, no index."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TILE = 2048
"""Rows and columns of one tile: 16 MB of similarities."""

_QUERY_TILE = 256


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of rows with `first < second`: two `(m,) int64`, and their cosines `(m,) float32`.

    `compared` is the number of pairs that were compared so far, those of this tile included.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    scores: NDArray[np.float32]
    compared: int


@dataclass(frozen=True, slots=True)
class Nearest:
    """For n rows the k nearest others, best first: `(n, k) int64` and cosines `(n, k) float32`."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]


def pair_count(n: int) -> int:
    """How many pairs n rows make."""
    return n * (n - 1) // 2


def similar_pairs(
    embeddings: NDArray[np.float32], threshold: float, *, tile: int = TILE
) -> Iterator[Pairs]:
    """Every pair of rows whose cosine is at least the threshold, one tile after another.

    `embeddings` is `(n, dim) float32`, L2-normalised. Only the upper triangle is computed:
    n^2 x dim operations. Tiles without such a pair come too, so that progress can be shown.
    """
    n = len(embeddings)
    compared = 0
    for top in range(0, n, tile):
        rows = embeddings[top : top + tile]
        for left in range(top, n, tile):
            scores = rows @ embeddings[left : left + tile].T
            near = scores >= threshold
            if left == top:
                near = np.triu(near, 1)
                compared += pair_count(len(rows))
            else:
                compared += scores.size
            first, second = np.nonzero(near)
            yield Pairs(first + top, second + left, scores[first, second], compared)


def nearest(
    embeddings: NDArray[np.float32],
    k: int,
    *,
    among: NDArray[np.int64] | None = None,
    on_rows: Callable[[int], None] = lambda done: None,
) -> Nearest:
    """The k nearest other rows of each row, best first; ties by row.

    `embeddings` is `(n, dim) float32`, L2-normalised. With `among`, `(m,)` sorted rows, only
    these can be neighbours. There are fewer than k columns when there are fewer others.
    """
    n = len(embeddings)
    pool = np.arange(n, dtype=np.int64) if among is None else among
    k = max(min(k, len(pool) - 1), 0)
    rows = np.zeros((n, k), np.int64)
    found = np.zeros((n, k), np.float32)
    reference = embeddings[pool]
    for start in range(0, n if k else 0, _QUERY_TILE):
        stop = min(start + _QUERY_TILE, n)
        scores = embeddings[start:stop] @ reference.T
        scores[pool[None, :] == np.arange(start, stop)[:, None]] = -np.inf
        best = np.sort(np.argpartition(-scores, k - 1, axis=1)[:, :k], axis=1)
        of_best = np.take_along_axis(scores, best, axis=1)
        order = np.argsort(-of_best, axis=1, kind="stable")
        rows[start:stop] = pool[np.take_along_axis(best, order, axis=1)]
        found[start:stop] = np.take_along_axis(of_best, order, axis=1)
        on_rows(stop)
    return Nearest(rows, found)
