"""Whether the collection has the fields by which a query wants its hits arranged and counted."""

from collections.abc import Sequence

from search.errors import InvalidQueryError
from search.filters.names import ITEM_FIELDS, find_field, known_fields
from search.types import Field, FieldType, Query

_BOOSTS = (FieldType.BOOLEAN, FieldType.INTEGER, FieldType.FLOAT)


def check_fields(query: Query, fields: Sequence[Field]) -> None:
    """Refuse what the collection's fields cannot do.

    Raises:
        UnknownFieldError: a field that the collection does not have.
        InvalidQueryError: a sort by lists, a boost by something else than numbers and booleans, a
            facet of id, title or product_id, whose values are nearly all different.
    """
    known = known_fields(fields)
    for sort in query.sort:
        if find_field(sort.field, known).type is FieldType.STRINGS:
            raise _wrong(sort.field, "is a list, which has no order", "Sort by a single value.")
    for boost in query.boosts:
        if (type_ := find_field(boost.field, known).type) not in _BOOSTS:
            raise _wrong(
                boost.field, f"holds {type_.value} values", "Boost by a number or a boolean."
            )
    for facet in query.facets:
        if find_field(facet, known).name in ITEM_FIELDS:
            raise _wrong(
                facet,
                "is different for nearly every item: there is nothing to count",
                f"Fields with facets: {', '.join(field.name for field in fields) or 'none'}.",
            )


def _wrong(field: str, what: str, cure: str) -> InvalidQueryError:
    return InvalidQueryError(f"The field '{field}' {what}.", hint=cure, details={"field": field})
