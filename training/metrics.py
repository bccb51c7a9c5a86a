"""Figures of a labelled set of embeddings. Plain numpy, exact search."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def recall(texts: Floats, images: Floats, depths: Sequence[int] = (1, 5, 10)) -> dict[str, float]:
    """Share of texts whose own image is among the k best.

    texts[i] belongs to images[i]; images beyond the last text are candidates all the same.
    """
    scores = texts @ images.T
    own = np.diagonal(scores)
    rank = (scores > own[:, None]).sum(1)
    return {f"recall@{k}": float((rank < k).mean()) for k in depths}


def neighbour_shares(images: Floats, labels: Sequence[str], k: int = 10) -> float:
    """Mean share of an image's k nearest others that carry its label."""
    scores = images @ images.T
    np.fill_diagonal(scores, -np.inf)
    nearest = np.argpartition(-scores, k, axis=1)[:, :k]
    names = np.asarray(labels)
    return float((names[nearest] == names[:, None]).mean())


def common_pairs(pairs: Sequence[tuple[str, str]], least: int = 5) -> list[tuple[str, str]]:
    """Return the (colour, article type) pairs that at least `least` items have, sorted."""
    return sorted(pair for pair, count in Counter(pairs).items() if count >= least)


def pair_precision(
    queries: Floats,
    wanted: Sequence[tuple[str, str]],
    images: Floats,
    pairs: Sequence[tuple[str, str]],
    depths: Sequence[int] = (5, 10),
) -> dict[str, float]:
    """Mean share of the k best images that have the query's pair; queries[i] asks wanted[i]."""
    order = np.argsort(-(queries @ images.T), axis=1)
    hits = np.array(
        [[pairs[j] == pair for j in row[: max(depths)]] for row, pair in zip(order, wanted)]
    )
    return {f"precision@{k}": float(hits[:, :k].mean()) for k in depths}


def accuracy(images: Floats, prompts: Floats, labels: Sequence[str], names: Sequence[str]) -> float:
    """Share of images whose best prompt is that of their label; prompts[i] is of names[i]."""
    best = (images @ prompts.T).argmax(1)
    return float(np.mean([names[place] == label for place, label in zip(best, labels)]))


def ndcg(gains: Sequence[float], ideal: Sequence[float], k: int = 10) -> float:
    """Normalised discounted cumulative gain of ranked gains; ideal are all gains of the query.

    Linear gains, as trec_eval and `search.evaluation` have them.
    """
    best = _dcg(sorted(ideal, reverse=True)[:k])
    return _dcg(gains[:k]) / best if best > 0 else 0.0


def _dcg(gains: Sequence[float]) -> float:
    return float(sum(gain / np.log2(place + 2) for place, gain in enumerate(gains)))
