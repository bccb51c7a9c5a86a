"""Which attributes of a collection are found out, with which values, against which columns."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from search.errors import ConfigError, UnknownFieldError
from search.labelling.attributes import (
    KIND,
    MOST_VALUES,
    Attribute,
    default_attributes,
    named_attribute,
    plain,
)
from search.labelling.tagging import Tagging
from search.store.base import Store
from search.types import Field, FieldType

USUAL = ("colour", "pattern", KIND)
"""The attributes that are found out where none are named."""


def plan_taggings(
    store: Store,
    name: str,
    *,
    names: Sequence[str] = (),
    attributes: Mapping[str, Attribute] | None = None,
    against: Mapping[str, str] | None = None,
) -> list[Tagging]:
    """A tagging for each attribute that is named, or for all of `attributes`, or for `USUAL`.

    An attribute is compared with the text column of its name, or with what `against` says
    (attribute to column). Its values are those of `attributes`, where it is there; else those
    that the column has; else, or where the column has fewer than 2 or more than `MOST_VALUES`,
    those of the vocabulary.

    Raises:
        CollectionNotFoundError: no such collection or alias.
        UnknownFieldError: `against` names no text column of the collection.
        ConfigError: an attribute of which nobody knows the values.
    """
    spec = store.resolve(name)
    given, columns = attributes or {}, dict(against or {})
    wanted = list(dict.fromkeys(names)) or list(given) or list(USUAL)
    if unused := sorted(set(columns) - set(wanted)):
        raise ConfigError(
            f"{', '.join(unused)} should be compared, but is not found out.",
            hint="Name it among the attributes as well.",
            details={"attributes": unused},
        )
    texts = {field.name for field in spec.fields if field.type is FieldType.STRING}
    for column in columns.values():
        _check_column(column, texts, spec.fields)
    columns = {each: each for each in wanted if each in texts} | columns
    return [_tagging(store, spec.name, each, given, columns.get(each)) for each in wanted]


def _tagging(
    store: Store, name: str, wanted: str, given: Mapping[str, Attribute], column: str | None
) -> Tagging:
    if wanted in given:
        return Tagging(given[wanted], column)
    values = _values_of(store, name, column) if column else []
    if 2 <= len(values) <= MOST_VALUES:
        return Tagging(named_attribute(wanted, values), column)
    if usual := default_attributes().get(wanted):
        return Tagging(usual, column)
    known = ", ".join(default_attributes())
    many = (
        f"the column {column!r} has {len(values)} different ones" if column else "no column has any"
    )
    raise ConfigError(
        f"Which values {wanted!r} can have is not known: {many}.",
        hint=f"Write them into a file for --attributes. Known without one: {known}.",
        details={"attribute": wanted},
    )


def _values_of(store: Store, name: str, column: str) -> list[str]:
    """The values of a column, sorted; of several spellings ("Red", "red") the commonest one."""
    counts: Counter[str] = Counter()
    for batch in store.values(name, [column]):
        said = (value.strip() for value in batch[column] if isinstance(value, str))
        counts.update(value for value in said if value)
    spellings: dict[str, str] = {}
    for value, _ in sorted(counts.items(), key=lambda each: (-each[1], each[0])):
        spellings.setdefault(plain(value), value)
    return sorted(spellings.values())


def _check_column(column: str, texts: Iterable[str], fields: Sequence[Field]) -> None:
    if column in texts:
        return
    is_there = any(field.name == column for field in fields)
    what = f"The column {column!r} is not one of text" if is_there else f"No column {column!r}"
    raise UnknownFieldError(
        f"{what}.",
        hint=f"Columns of text: {', '.join(sorted(texts)) or 'none'}.",
        details={"field": column},
    )
