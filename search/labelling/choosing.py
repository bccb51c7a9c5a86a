"""The labels that fit best, of several attributes, for any number of embeddings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from search.encoders.base import Embeddings
from search.labelling.attributes import Attribute
from search.labelling.calibrating import Calibration
from search.labelling.labeller import Labeller
from search.labelling.presence import Presence


@dataclass(frozen=True, slots=True)
class Label:
    """A label of one picture or item; `confidence` is 0 to 1."""

    attribute: str
    label: str
    confidence: float


def choose_labels(
    labeller: Labeller,
    asked: Sequence[Attribute],
    embeddings: Embeddings,
    *,
    several: bool = False,
    top: int = 3,
) -> list[list[Label]]:
    """For each of the `(n, dim)` embeddings the `top` labels of each attribute, the surest first.

    One label of an attribute fits best: its confidences sum to 1. With `several` each is judged by
    itself, and those above 0.5 fit (`Presence`).
    """
    found: list[list[Label]] = [[] for _ in embeddings]
    for attribute in asked:
        if several:
            sure = Presence(labeller).confidences(attribute, embeddings)
        else:
            sure = Calibration().confidences(labeller.cosines(attribute, embeddings))
        order = np.argsort(-sure, axis=1, kind="stable")[:, :top]
        for labels, row, places in zip(found, sure, order.tolist()):
            labels += [Label(attribute.name, attribute.values[at], float(row[at])) for at in places]
    return found
