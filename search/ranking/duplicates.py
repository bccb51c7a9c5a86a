"""Hits whose pictures are nearly the same, shown as one."""

from collections.abc import Sequence

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
    stays: list[int] = []
    members = [list(group.members) for group in groups]
    for index in range(len(groups)):
        nearest = max(stays, key=lambda other: alike[index, other], default=None)
        if nearest is not None and alike[index, nearest] >= threshold:
            members[nearest] += members[index]
        else:
            stays.append(index)
    return [Group(tuple(members[index]), groups[index].boost) for index in stays]
