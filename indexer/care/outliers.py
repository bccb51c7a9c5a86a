"""Items whose picture looks like another category's: a likely wrong picture or wrong category.

For an item of category c, look at its k nearest other items by cosine:

    own   = how many of them are of category c, over the most that could be: min(k, |c| - 1)
    other = how many of them are of one other category o, over min(k, |o|)
    usual = what `other` is for o on average over all items of category c
    score = (other - own) x (1 - usual), for the category o that makes it largest

Both shares are of what could be, so that small categories are seen as well as large ones. `other`
near 1 says that the neighbours agree among themselves, `own` near 0 that they disagree with
the item, and `usual` takes back what is no surprise: that casual shoes look like sports shoes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.care.neighbours import nearest
from indexer.care.progress import OnStep, Stage, unheard
from indexer.care.snapshot import Entry, Snapshot

NEIGHBOURS = 20
LEAST_SCORE = 0.5
LEAST_MEMBERS = 4
"""A category of fewer items says too little of what its items look like."""

MOST_COMPARED = 50_000
"""In larger collections neighbours are looked for among so many items, chosen by a fixed seed."""


@dataclass(frozen=True, slots=True)
class Outlier:
    """An item of category `label` that looks like `looks_like`; the shares are 0 to 1.

    `neighbours` are those of its nearest that are of the other category, best first.
    """

    entry: Entry
    label: str
    looks_like: str
    score: float
    own: float
    other: float
    usual: float
    neighbours: tuple[Entry, ...]


def find_outliers(
    snapshot: Snapshot,
    *,
    neighbours: int = NEIGHBOURS,
    least_score: float = LEAST_SCORE,
    on_step: OnStep = unheard,
) -> list[Outlier]:
    """Outliers, the clearest first. None without a category column.

    Takes n^2 x dim operations, or n x 50,000 x dim above 50,000 items, and little memory.
    """
    places = np.array([i for i, e in enumerate(snapshot.entries) if e.label], np.int64)
    names, codes = np.unique(
        [snapshot.entries[i].label or "" for i in places.tolist()], return_inverse=True
    )
    if len(names) < 2:
        return []
    stage = Stage("Looking for outliers", len(places), on_step)
    embeddings = snapshot.embeddings[places]
    found = nearest(embeddings, neighbours, among=_compared(len(places)), on_rows=stage.at)
    return _judged(snapshot, places, [str(name) for name in names], codes, found.rows, least_score)


def _compared(n: int) -> NDArray[np.int64] | None:
    if n <= MOST_COMPARED:
        return None
    chosen = np.random.default_rng(0).choice(n, MOST_COMPARED, replace=False)
    return np.asarray(np.sort(chosen), np.int64)


def _judged(
    snapshot: Snapshot,
    places: NDArray[np.int64],
    names: list[str],
    codes: NDArray[np.int64],
    rows: NDArray[np.int64],
    least_score: float,
) -> list[Outlier]:
    k = rows.shape[1]
    of_neighbours = codes[rows]
    members = np.bincount(codes, minlength=len(names))
    usual = _usual(codes, of_neighbours, members)
    own = (of_neighbours == codes[:, None]).sum(1) / np.clip(members[codes] - 1, 1, k)
    outliers = []
    # Whose own share is high cannot reach the score.
    judged = (own <= 1 - least_score) & (members[codes] >= LEAST_MEMBERS)
    for at in np.nonzero(judged)[0].tolist():
        score, other_code, share, expected = _best_other(
            int(codes[at]), float(own[at]), of_neighbours[at], members, usual
        )
        if score >= least_score:
            near = rows[at][of_neighbours[at] == other_code]
            outliers.append(
                Outlier(
                    entry=snapshot.entries[places[at]],
                    label=names[int(codes[at])],
                    looks_like=names[other_code],
                    score=score,
                    own=float(own[at]),
                    other=share,
                    usual=expected,
                    neighbours=tuple(snapshot.entries[places[row]] for row in near.tolist()),
                )
            )
    return sorted(outliers, key=lambda one: (-one.score, one.entry.id))


def _best_other(
    code: int,
    own: float,
    of_neighbours: NDArray[np.int64],
    members: NDArray[np.int64],
    usual: dict[tuple[int, int], float],
) -> tuple[float, int, float, float]:
    """The largest score that another category gives, that category, its share, and the usual one.

    A score of -1 if there is no other category among the neighbours that is large enough.
    """
    best = (-1.0, -1, 0.0, 0.0)
    seen, counts = np.unique(of_neighbours, return_counts=True)
    for other, count in zip(seen.tolist(), counts.tolist()):
        if other != code and members[other] >= LEAST_MEMBERS:
            share = count / min(len(of_neighbours), int(members[other]))
            expected = usual.get((code, other), 0.0)
            best = max(best, ((share - own) * (1 - expected), other, share, expected))
    return best


def _usual(
    codes: NDArray[np.int64], of_neighbours: NDArray[np.int64], members: NDArray[np.int64]
) -> dict[tuple[int, int], float]:
    """For each pair of categories, the share that the second has among the first's neighbours."""
    k = of_neighbours.shape[1]
    pairs = np.stack([np.repeat(codes, k), of_neighbours.ravel()], axis=1)
    found, counts = np.unique(pairs, axis=0, return_counts=True)
    return {
        (own, other): count / (min(k, int(members[other])) * int(members[own]))
        for (own, other), count in zip(found.tolist(), counts.tolist())
    }
