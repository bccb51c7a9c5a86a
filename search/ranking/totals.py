"""How many hits there are on all pages together."""

from collections.abc import Hashable

from search.ranking.asked import Asked
from search.ranking.facets import owners_of
from search.ranking.groups import key_of
from search.ranking.window import Ranking

MOST_COUNTED = 100_000
"""Up to so many items, products are counted exactly by reading the product of each."""

MOST_FOLLOWED = 1_000
"""Up to so many items, hits that no filter describes are counted by going through the ranking."""

MOST_JUDGED = 500
"""The same where each item's embedding has to be looked at, counting those that are no hits."""


def total_of(asked: Asked, ranking: Ranking | None) -> tuple[int | None, bool]:
    """The number of hits, and whether it is exact; if not, there are at least so many.

    None if nobody wants to know. `ranking` is None for a plain query.
    """
    if not asked.query.total:
        return None, True
    if ranking is not None and ranking.ended:
        return ranking.found, True
    if ranking is not None and not asked.selects_all:
        return _followed(asked, ranking)
    items = asked.store.count(asked.collection.name, asked.scope)
    if ranking is None:
        return items, True
    if asked.query.by == "item":
        return items - ranking.folded, True
    if items > MOST_COUNTED:
        return ranking.found, False
    owners: set[Hashable] = set()
    for columns in asked.values(("product_id", "id"), asked.scope):
        owners.update(owners_of(columns))
    return len(owners) - ranking.folded, True


def _followed(asked: Asked, ranking: Ranking) -> tuple[int, bool]:
    """The hits of a ranking that is judged item by item: exact if its end is not too far."""
    by, most = asked.query.by, MOST_FOLLOWED
    if asked.exclusion is not None:
        if asked.store.count(asked.collection.name, asked.scope) > MOST_JUDGED:
            return ranking.found, False
        most = MOST_JUDGED
    found = asked.candidates(most, ["product_id"] if by == "product" else [])
    groups = len({key_of(each, by) for each in found.candidates}) - ranking.folded
    return max(groups, ranking.found), found.ended
