"""Which column of a collection says kinds, and which of its values are in which slot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search.errors import InvalidQueryError, UnknownFieldError
from search.recommending.rules import LookRules
from search.store.base import CollectionSpec, Store
from search.types import FieldType

KIND_FIELDS = ("article_type", "kind", "product_type", "category", "subcategory")
"""Columns of the kind, where none is named: the first that has kinds of the rules."""


@dataclass(frozen=True, slots=True)
class Kinds:
    """A column of kinds, and which of its values are in each slot, sorted."""

    field: str
    values: Mapping[str, Sequence[str]]


def kinds_of(
    store: Store, collection: CollectionSpec, rules: LookRules, named: str | None
) -> Kinds | None:
    """The column that is named, or one of `KIND_FIELDS`; None if none of these has a known kind.

    Raises:
        UnknownFieldError: the column that is named is not there, or not one of text.
        InvalidQueryError: it has no kind of the rules.
    """
    texts = [field.name for field in collection.fields if field.type is FieldType.STRING]
    if named is not None and named not in texts:
        raise UnknownFieldError(
            f"There is no column of text {named!r}.",
            hint=f"Columns of text: {', '.join(texts) or 'none'}.",
            details={"field": named},
        )
    for name in [named] if named else [name for name in KIND_FIELDS if name in texts]:
        if values := _by_slot(_values(store, collection.name, name), rules):
            return Kinds(name, values)
    if named is None:
        return None
    raise InvalidQueryError(
        f"No value of {named!r} is a kind of the rules.",
        hint="Name another column, or give rules with these values.",
        details={"field": named},
    )


def _by_slot(values: Sequence[str], rules: LookRules) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for value in values:
        if slot := rules.slot_of(value):
            found.setdefault(slot, []).append(value)
    return found


def _values(store: Store, collection: str, field: str) -> list[str]:
    found: set[str] = set()
    for batch in store.values(collection, [field]):
        found.update(value for value in batch[field] if isinstance(value, str))
    return sorted(found)
