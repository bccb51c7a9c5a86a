"""Products, not pictures: candidates that are shown as one hit."""

from collections.abc import Sequence
from dataclasses import dataclass

from search.store.base import Candidate
from search.types import By

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Group:
    """What becomes one hit: the candidate that stands for it first, then those behind it.

    `boost` is what was added to the first one's score.
    """

    members: tuple[Candidate, ...]
    boost: float = 0.0

    @property
    def best(self) -> Candidate:
        """The candidate that stands for the group."""
        return self.members[0]

    @property
    def score(self) -> float:
        """What the group is ranked by."""
        return self.best.ranked_by + self.boost


def key_of(candidate: Candidate, by: By) -> Key:
    """What a candidate is grouped by: its product, or itself if it belongs to none."""
    product = candidate.values["product_id"] if by == "product" else None
    return ("item", candidate.id) if product is None else ("product", str(product))


def grouped(ranking: Sequence[tuple[Candidate, float]], by: By) -> list[Group]:
    """Candidates and their boosts, best first, as groups in order of their best members."""
    members: dict[Key, list[Candidate]] = {}
    boosts: dict[Key, float] = {}
    for candidate, boost in ranking:
        key = key_of(candidate, by)
        members.setdefault(key, []).append(candidate)
        boosts.setdefault(key, boost)
    return [Group(tuple(found), boosts[key]) for key, found in members.items()]


def joined(opening: Sequence[Group], rest: Sequence[Candidate], by: By) -> list[Group]:
    """The opening groups as they are, then those of the rest that are not among them."""
    seen = keys_of(opening, by)
    following = grouped([(each, 0.0) for each in rest if key_of(each, by) not in seen], by)
    return [*opening, *following]


def keys_of(groups: Sequence[Group], by: By) -> set[Key]:
    """The keys of all members of all groups."""
    return {key_of(member, by) for group in groups for member in group.members}
