"""Facets: how the values of fields are spread over what a query ranges over.

Counted exactly: every item that satisfies the filter is looked at, whatever the page. A query by
products counts products: one with two red images is red once.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import chain, pairwise
from typing import Any

from search.errors import InvalidQueryError
from search.filters.ast import And, Filter
from search.filters.names import fields_of, known_fields
from search.ranking.asked import Asked
from search.ranking.ranges import are_months, number_edges, period_of, range_of
from search.ranking.window import Ranking
from search.types import By, Facet, FacetRange, FacetValue, Field, FieldType, FieldValue

MOST_VALUES = 100
"""Most values that a facet lists; `Facet.distinct` says how many there are."""

_MANY = 1_000
"""So many distinct values, in more than half of the items, are texts and no categories."""

Columns = Mapping[str, list[FieldValue]]
Labels = Sequence[Sequence[Any]]
"""For each item what it is counted under: nothing, one thing, or several different ones."""


def facets_of(asked: Asked, ranking: Ranking | None) -> tuple[Facet, ...]:
    """The query's facets: over its relevant set, or over everything that satisfies its filter."""
    names = asked.query.facets
    fields = known_fields(asked.collection.fields)
    if not names:
        return ()
    if ranking is not None and asked.query.facets_over == "relevant":
        columns = _among(ranking, [*names, *_identity(asked.query.by)])
        return tuple(_facets(names, columns, fields, asked.query.by).values())
    found: dict[str, Facet] = {}
    for filter, some in _by_filter(asked).items():
        read = [*some, *_identity(asked.query.by)]
        columns = _whole(asked.values(read, filter), read)
        found |= _facets(some, columns, fields, asked.query.by)
    return tuple(found[name] for name in names)


def _by_filter(asked: Asked) -> dict[Filter | None, list[str]]:
    """The facets by the filter that each is counted under: those of one share the reading."""
    shared: dict[Filter | None, list[str]] = {}
    for name in asked.query.facets:
        own = asked.query.facets_ignore_own
        filter = without_field(asked.scope, name) if own else asked.scope
        shared.setdefault(filter, []).append(name)
    return shared


def _facets(
    names: Sequence[str], columns: Columns, fields: Mapping[str, Field], by: By
) -> dict[str, Facet]:
    owners = list(owners_of(columns)) if by == "product" else None
    return {name: facet_of(fields[name], columns[name], owners) for name in names}


def facet_of(
    field: Field, values: Sequence[FieldValue], owners: Sequence[Hashable] | None = None
) -> Facet:
    """The facet of one column; what has the same owner is counted once for each value.

    Raises InvalidQueryError if the values are texts that are nearly all different.
    """
    match field.type:
        case FieldType.INTEGER | FieldType.FLOAT:
            return _of_numbers(field, values, owners)
        case FieldType.DATE:
            return _of_dates(field, values, owners)
    labels = [_members(value) for value in values]
    counts = _counted(labels, owners)
    _check_categories(field, counts, labels)
    common = sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:MOST_VALUES]
    listed = tuple(FacetValue(value, count) for value, count in common)
    return Facet(field.name, listed, (), len(counts), _missing(labels, owners))


def without_field(filter: Filter | None, field: str) -> Filter | None:
    """The filter without those of its conditions, joined by "and", that are of this field alone."""
    operands = filter.operands if isinstance(filter, And) else (filter,) if filter else ()
    kept = [operand for operand in operands if fields_of(operand) != {field}]
    if len(kept) == len(operands):
        return filter
    return And(tuple(kept)) if kept else None


def _of_numbers(field: Field, values: Sequence[Any], owners: Sequence[Hashable] | None) -> Facet:
    present = {value for value in values if value is not None}
    if not present:
        return Facet(field.name, missing=_missing([()] * len(values), owners))
    edges = number_edges(min(present), max(present))
    places = {value: (range_of(value, edges),) for value in present}
    labels = [() if value is None else places[value] for value in values]
    counts = _counted(labels, owners)
    spans = enumerate(pairwise(edges))
    ranges = tuple(FacetRange(start, end, counts[index]) for index, (start, end) in spans)
    return Facet(field.name, (), ranges, len(present), _missing(labels, owners))


def _of_dates(field: Field, values: Sequence[Any], owners: Sequence[Hashable] | None) -> Facet:
    present: set[date] = {value for value in values if value is not None}
    if not present:
        return Facet(field.name, missing=_missing([()] * len(values), owners))
    months = are_months(min(present), max(present))
    places = {day: (period_of(day, months=months),) for day in present}
    labels = [() if value is None else places[value] for value in values]
    counts = _counted(labels, owners)
    found = sorted(counts.items())
    ranges = tuple(FacetRange(start, end, count) for (start, end), count in found)
    return Facet(field.name, (), ranges, len(present), _missing(labels, owners))


def _members(value: FieldValue) -> Sequence[Any]:
    if value is None:
        return ()
    return tuple(set(value)) if isinstance(value, list) else (value,)


def _counted(labels: Labels, owners: Sequence[Hashable] | None) -> Counter[Any]:
    if owners is None:
        return Counter(chain.from_iterable(labels))
    pairs = {(label, owner) for some, owner in zip(labels, owners) for label in some}
    return Counter(label for label, _ in pairs)


def _missing(labels: Labels, owners: Sequence[Hashable] | None) -> int:
    if owners is None:
        return sum(not some for some in labels)
    return len(set(owners)) - len({owner for some, owner in zip(labels, owners) if some})


def _check_categories(field: Field, counts: Counter[Any], labels: Labels) -> None:
    valued = len(labels) - _missing(labels, None)
    if len(counts) <= _MANY or 2 * len(counts) <= valued:
        return
    raise InvalidQueryError(
        f"The field '{field.name}' has {len(counts):,} different values in {valued:,} items: "
        "there is nothing to count.",
        hint="Ask for facets of fields with fewer values.",
        details={"field": field.name, "distinct": len(counts)},
    )


def _identity(by: By) -> tuple[str, ...]:
    return ("product_id", "id") if by == "product" else ()


def owners_of(columns: Columns) -> Iterator[Hashable]:
    """The product of each item, or the item's own id, told apart, if it belongs to none."""
    for product, id in zip(columns["product_id"], columns["id"]):
        yield (str(id),) if product is None else str(product)


def _whole(batches: Iterable[Columns], names: Sequence[str]) -> Columns:
    columns: dict[str, list[FieldValue]] = {name: [] for name in names}
    for batch in batches:
        for name in names:
            columns[name] += batch[name]
    return columns


def _among(ranking: Ranking, names: Sequence[str]) -> Columns:
    relevant = ranking.relevant
    columns = {name: [each.values[name] for each in relevant] for name in names if name != "id"}
    return columns | {"id": [each.id for each in relevant]}
