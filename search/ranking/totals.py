"""How many hits there are on all pages together."""

from collections.abc import Hashable

from search.ranking.asked import Asked
from search.ranking.facets import owners_of
from search.ranking.window import Ranking

MOST_COUNTED = 100_000
"""Up to so many items, products are counted exactly by reading the product of each."""


def total_of(asked: Asked, ranking: Ranking | None) -> tuple[int | None, bool]:
    """The number of hits, and whether it is exact; if not, there are at least so many.

    None if nobody wants to know. `ranking` is None for a plain query.
    """
    if not asked.query.total:
        return None, True
    if ranking is not None and ranking.ended:
        return ranking.found, True
    if ranking is not None and not asked.selects_all:
        return ranking.found, False
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
