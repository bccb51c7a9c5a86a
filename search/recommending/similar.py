"""What is like one item or several: a query by items, within limits that the items set."""

from collections.abc import Sequence
from dataclasses import replace

from search.engine import SearchEngine
from search.filters.ast import And, Comparison, Filter, Not, Op
from search.recommending.relative import Relative, relative_filter
from search.types import Field, Item, ItemPart, Page, Query


def search_similar(
    engine: SearchEngine,
    query: Query,
    relatives: Sequence[Relative] = (),
    *,
    own_products: bool = False,
) -> Page:
    """Answer a query that names items, its hits limited by these items' own values.

    The other images of the items' own products are left out, unless `own_products`: they are the
    same thing, and mostly the most similar. Values and products are those of the items of positive
    weight.

    Raises:
        ItemNotFoundError, UnknownFieldError, InvalidQueryError: as `relative_filter` and
            `SearchEngine.search` do.
    """
    wanted = [part.id for part in query.parts if isinstance(part, ItemPart) and part.weight > 0]
    items = [engine.item(id) for id in wanted]
    return engine.search(limited(query, relatives, items, engine.fields, own_products=own_products))


def limited(
    query: Query,
    relatives: Sequence[Relative],
    items: Sequence[Item],
    fields: Sequence[Field],
    *,
    own_products: bool = False,
) -> Query:
    """The query with all of this in its filter, each condition at the top level."""
    given = query.filter
    conditions = list(given.operands) if isinstance(given, And) else [given] if given else []
    if relatives and items:
        conditions += relative_filter(relatives, items, fields)
    if not own_products:
        conditions += _other_products(items)
    filter = And(tuple(conditions)) if len(conditions) > 1 else next(iter(conditions), None)
    return replace(query, filter=filter)


def _other_products(items: Sequence[Item]) -> list[Filter]:
    products = tuple(dict.fromkeys(item.product_id for item in items if item.product_id))
    return [Not(Comparison("product_id", Op.IN, products))] if products else []
