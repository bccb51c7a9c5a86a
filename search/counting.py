"""Facets without a query: how the values of everything that satisfies a filter are spread."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from search.filters.ast import Filter
from search.ranking.asked import Asked
from search.ranking.checking import check_fields
from search.ranking.facets import facets_of, owners_of
from search.ranking.totals import MOST_COUNTED
from search.store.base import CollectionSpec, SearchRequest, Store
from search.types import By, Facet, Query, TextPart


@dataclass(frozen=True, slots=True)
class Counted:
    """Facets in the order asked for, and how many items or products they range over.

    `total` is at least so many where it is not exact: products of more than 100,000 items.
    """

    facets: tuple[Facet, ...]
    total: int
    total_is_exact: bool


def count_values(
    store: Store,
    collection: CollectionSpec,
    facets: Sequence[str],
    filter: Filter | None = None,
    *,
    by: By = "item",
    ignore_own: bool = True,
) -> Counted:
    """Count the values of these fields as `Query.facets` over the filter do; nothing is embedded.

    Raises:
        UnknownFieldError, FilterTypeError: a field that is not there, a filter that does not fit.
        InvalidQueryError: a field whose values are nearly all different, or one named twice.
    """
    query = Query(
        (TextPart("anything"),),
        filter=filter,
        by=by,
        facets=tuple(facets),
        facets_ignore_own=ignore_own,
    )
    check_fields(query, collection.fields)
    nowhere = SearchRequest(np.zeros(0, np.float32), filter=filter)
    asked = Asked(query, nowhere, store, collection)
    found = facets_of(asked, None)
    return Counted(found, *_total(asked))


def _total(asked: Asked) -> tuple[int, bool]:
    items = asked.store.count(asked.collection.name, asked.scope)
    if asked.query.by == "item":
        return items, True
    owners: set[Hashable] = set()
    for columns in asked.values(("product_id", "id"), asked.scope):
        owners.update(owners_of(columns))
        if len(owners) >= MOST_COUNTED:
            return len(owners), False
    return len(owners), True
