"""Hits whose pictures are nearly the same, shown as one."""

from collections.abc import Sequence

import numpy as np

from search.ranking.groups import Group
from search.ranking.similarity import similarities

NEARLY_THE_SAME = 0.98
"""Cosine similarity of two embeddings from which on their pictures count as the same."""


def collapsed(groups: Sequence[Group], threshold: float = NEARLY_THE_SAME) -> list[Group]:
    """The groups, best first, without those whose picture is nearly that of an earlier one.

    A group that is left out adds its members to the most similar of the groups that stay before
    it. So no two that stay are as similar as `threshold`, or more.
    """
    alike = similarities(groups)
    stays = np.zeros(len(groups), dtype=bool)
    members = [list(group.members) for group in groups]
    for index in range(len(groups)):
        near = np.where(stays, alike[index], -np.inf)
        nearest = int(near.argmax())
        if near[nearest] >= threshold:
            members[nearest] += members[index]
        else:
            stays[index] = True
    kept = np.flatnonzero(stays).tolist()
    return [Group(tuple(members[index]), groups[index].boost) for index in kept]
