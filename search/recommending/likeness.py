"""How alike two items are in style, as a model sees it, whatever kinds they are of.

The style of a candidate beside an item is the mean of

- nearness: the cosine to the item, stretched over 0 to 1 within the candidates; mostly colour and
  print;
- wearer: how far what is said of both by `men's, women's, boys', girls'` overlaps;
- occasion: the same by `casual, formal, sports, party`.

The overlap is the Bhattacharyya coefficient of the two zero-shot distributions, 0 to 1. Nearness by
itself finds the colour, but hardly the wearer: pictures of shoes differ from those of shirts by
more than by whom they are for (docs/similar.md has the figures).
"""

import threading
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from search.encoders.base import Embeddings, Encoder
from search.labelling import Calibration, Labeller, default_attributes
from search.recommending.rules import LookRules

LIKENED = ("wearer", "occasion")
"""Attributes of the vocabulary that should be alike in a look."""


class Likeness:
    """What a model sees of wearer, occasion and slot. Safe to call from several threads."""

    def __init__(self, encoder: Encoder) -> None:
        self._labeller = Labeller(encoder)
        self._lock = threading.Lock()

    def styles(
        self, own: NDArray[np.float32], others: Embeddings, alike: Sequence[str] = LIKENED
    ) -> NDArray[np.float64]:
        """`(n,) float64`, 0 to 1: the style of each of `(n, dim)` beside the item's `(dim,)`."""
        if not len(others):
            return np.zeros(0)
        nearness = others @ own
        spread = float(nearness.max() - nearness.min())
        total = (nearness - nearness.min()) / spread if spread > 0 else np.ones(len(others))
        both = np.concatenate([own[None], others])
        for name in alike:
            with self._lock:
                cosines = self._labeller.cosines(default_attributes()[name], both)
            roots = np.sqrt(Calibration().confidences(cosines))
            total = total + roots[1:] @ roots[0]
        return np.asarray(total / (1 + len(alike)), dtype=np.float64)

    def slots(self, rules: LookRules, embeddings: Embeddings) -> list[str]:
        """The slot of the kind that each of `(n, dim)` embeddings shows most clearly."""
        slots = [slot for slot, kinds in rules.slots.items() for _ in kinds]
        with self._lock:
            texts = np.concatenate([self._labeller.ensemble(each) for each in rules.slots.values()])
        return [slots[at] for at in (embeddings @ texts.T).argmax(axis=1).tolist()]

    def prepare(self, rules: LookRules) -> Iterator[None]:
        """Embed all texts that looks may need, a few with every step."""
        attributes = [default_attributes()[name] for name in LIKENED]
        steps = [step for each in attributes for step in self._labeller.steps(each)]
        steps += [partial(self._labeller.ensemble, kinds) for kinds in rules.slots.values()]
        for step in steps:
            with self._lock:
                step()
            yield
