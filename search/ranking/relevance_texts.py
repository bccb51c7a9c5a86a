"""Whether a text asks for what the catalogue has."""

from dataclasses import dataclass

import numpy as np

from search.encoders.base import Embeddings
from search.ranking.relevance_background import Background
from search.ranking.relevance_fitting import (
    RIDGE,
    SMALL,
    Floats,
    Scores,
    held_out_logits,
    logistic,
    logit_of,
    scores_of,
)

STOCKED = 1.5
"""How far a group that a catalogue has is above the middle of all groups, in their spread."""

STOCKED_BY_SCORE = 3.0
"""The same where only the height of the scores speaks: it needs to be clearer."""


@dataclass(frozen=True, slots=True)
class TextFit:
    """What tells texts that the catalogue answers from others.

    `direction` `(dim + 1,)` are logistic weights, the bias last, between the phrases of the
    groups in stock and all others. `centre` and `scale` `(3,)` bring the direction's logit, the
    best score and how far the best stand out to one scale; `platt` `(2,)` makes the logit of a
    probability of their sum. All float64. `stocked` names the groups.
    """

    direction: Floats
    centre: Floats
    scale: Floats
    platt: Floats
    stocked: tuple[str, ...]

    def logit(self, query: Embeddings, scores: Scores) -> float:
        """Of one query `(1, dim)` and its scores against the sample."""
        features = _features(logit_of(query, self.direction), scores)
        return float(logit_of(_summed((features - self.centre) / self.scale), self.platt)[0])


def fit_texts(background: Background, sample: Embeddings) -> TextFit:
    """Find the groups in stock, and what tells their phrases from the others."""
    scores = scores_of(background.texts, sample)
    stocked = groups_in_stock(background, scores)
    labels = np.isin(background.groups, stocked)
    # A fit is surer of the phrases that it has seen than of a query: hence the folds.
    told = held_out_logits(background.texts, labels, background.phrases)
    features = _features(told, scores)
    centre, scale = features.mean(axis=0), np.maximum(features.std(axis=0), SMALL)
    return TextFit(
        direction=logistic(background.texts, labels, RIDGE),
        centre=centre,
        scale=scale,
        platt=logistic(_summed((features - centre) / scale), labels, SMALL),
        stocked=tuple(background.names[group] for group in stocked),
    )


def groups_in_stock(background: Background, scores: Scores) -> tuple[int, ...]:
    """The groups that the catalogue has, by how the background's texts score; one at least.

    What a broad catalogue has scores high and stands out of the text's own scores. In a shop of
    one thing that thing cannot stand out: there a clearly higher score is enough.
    """
    high, standout = _standard(scores.top), _standard(scores.standout)
    both = _spreads(background, high + standout)
    alone = _spreads(background, high)
    stocked = np.flatnonzero((both > STOCKED) | (alone > STOCKED_BY_SCORE))
    return tuple(int(group) for group in stocked) or (int(both.argmax()),)


def _spreads(background: Background, evidence: Floats) -> Floats:
    """How far each group is above the middle of all groups, in spreads.

    Most groups are not in any one catalogue, so the median of all, and the median of the
    deviations from it, say how groups look that are not.
    """
    count = len(background.names)
    level = np.array([evidence[background.groups == group].mean() for group in range(count)])
    middle = np.median(level)
    spread = 1.4826 * np.median(np.abs(level - middle)) + SMALL  # As of a normal distribution.
    found: Floats = (level - middle) / spread
    found[list(background.never)] = -np.inf
    return found


def _features(told: Floats, scores: Scores) -> Floats:
    return np.stack([told, scores.best, scores.standout], axis=1)


def _summed(features: Floats) -> Floats:
    """What the words say and the better of what the scores say."""
    summed: Floats = (features[:, 0] + features[:, 1:].max(axis=1))[:, None]
    return summed


def _standard(values: Floats) -> Floats:
    standard: Floats = (values - values.mean()) / max(float(values.std()), SMALL)
    return standard
