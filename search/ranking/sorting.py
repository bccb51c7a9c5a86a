"""Order by fields of the catalogue."""

from collections.abc import Sequence
from typing import Any

from search.ranking.groups import Group
from search.types import Sort


def in_order(groups: Sequence[Group], sorts: Sequence[Sort]) -> list[Group]:
    """Groups by their best members' values, the first sort first, then by score, then by id.

    Groups without a value come after those with one, in either direction.
    """
    ordered = sorted(groups, key=lambda group: (-group.score, group.best.id))
    for sort in reversed(sorts):  # Each keeps what the ones after it have ordered.
        valued = [group for group in ordered if _value(group, sort) is not None]
        missing = [group for group in ordered if _value(group, sort) is None]
        valued.sort(key=lambda group, by=sort: _value(group, by), reverse=sort.descending)  # type: ignore[misc]
        ordered = [*valued, *missing]
    return ordered


def _value(group: Group, sort: Sort) -> Any:
    return group.best.values[sort.field]
