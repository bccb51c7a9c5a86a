"""Where every column of a catalogue goes: into the item itself, a typed field, or `extra`."""

import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from indexer.columns import Roles
from indexer.inference import Inspection
from indexer.regions import Regions
from indexer.values import written_out
from search.errors import CatalogError, SchemaMismatchError
from search.regions import REGION, has_regions
from search.store.schema import RESERVED
from search.types import Field, FieldType

_SHOWN = 40
_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 2 * _SHOWN

MAX_FIELDS = 40
"""Most columns that become fields of a new collection; what is beyond them goes to `extra`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`fields` maps catalogue columns to fields; any other column without a role is `extra`.

    `regions` are those of every picture; None for a collection that holds none.
    """

    roles: Roles
    fields: Mapping[str, Field]
    notices: tuple[str, ...] = ()
    regions: Regions | None = None

    @property
    def stored_fields(self) -> tuple[Field, ...]:
        """All fields that a collection of the catalogue has."""
        own = (REGION,) if self.regions is not None else ()
        return (*self.fields.values(), *own)

    @property
    def per_picture(self) -> int:
        """How many entities each picture becomes."""
        return self.regions.per_picture if self.regions is not None else 1


def plan_columns(
    types: Mapping[str, FieldType | None],
    roles: Roles,
    overrides: Mapping[str, FieldType],
    existing: Sequence[Field] | None,
    regions: Regions | None = None,
) -> Plan:
    """Decide where each column goes. `types` has every column, in the catalogue's order.

    Of a collection that exists, its fields decide (`existing`), and new columns go to `extra`.
    `regions` None: nobody said which.

    Raises:
        CatalogError: an override names a column that is not there or has a role.
        SchemaMismatchError: an override contradicts the collection; or it holds regions and
            nobody said which, or regions are wanted and it has no place for them.
    """
    _check_overrides(types, roles, overrides)
    planned = _planned_regions(regions, existing)
    chosen = {**types, **overrides}
    stored = {field.name: field for field in existing or ()}
    fields: dict[str, Field] = {}
    left_out: dict[str, list[str]] = {}
    for column, type in chosen.items():
        if column in roles.columns:
            continue
        if column in stored and column != REGION.name:
            _check_stored(stored[column], overrides)
            fields[column] = stored[column]
        elif reason := _why_extra(column, type, len(fields), exists=existing is not None):
            left_out.setdefault(reason, []).append(column)
        elif type is not None:
            fields[column] = Field(column, type)
    notices = tuple(
        f"Kept, but not to filter by ({reason}): {', '.join(columns)}."
        for reason, columns in left_out.items()
    )
    if planned is not None and planned.boxes:
        notices += (
            f"Each row counts {planned.per_picture} times: for its whole picture and "
            f"{len(planned.boxes)} regions of it ({planned.name}).",
        )
    return Plan(roles, fields, notices, planned)


def _planned_regions(regions: Regions | None, existing: Sequence[Field] | None) -> Regions | None:
    holds_them = existing is not None and has_regions(existing)
    if regions is None and holds_them:
        raise SchemaMismatchError(
            "The collection holds regions of pictures, and it was not said which.",
            hint="Say --regions as before (2x2, say). With others or with none, those there are "
            "count as gone, and --delete-missing removes them.",
        )
    if regions is None or (not regions.boxes and not holds_them):
        return None
    if existing is not None and not holds_them:
        raise SchemaMismatchError(
            "The collection was made without regions of pictures.",
            hint=f"Build a new version with vitrine reindex --regions {regions.name}, or index "
            "into another collection.",
        )
    return regions


@dataclass(frozen=True, slots=True)
class PlannedColumn:
    """A column as people see it before a run.

    `becomes` is its role (`id`, `image`, `title`, `product`), its field's type, or `extra`: kept,
    but not to filter by. `filled` is the share (0..1) of the rows looked at that say something.
    """

    column: str
    becomes: str
    example: str
    filled: float


def describe_plan(plan: Plan, inspected: Inspection) -> tuple[PlannedColumn, ...]:
    """Every column of the catalogue, in its order: what it becomes and what is in it."""
    roles = plan.roles
    named = {roles.product_id: "product", roles.title: "title"}
    named |= dict.fromkeys(roles.images, "image")
    named[roles.id] = "id" if roles.id not in roles.images else "id, image"
    return tuple(
        PlannedColumn(
            column,
            named.get(column)
            or (str(plan.fields[column].type) if column in plan.fields else "extra"),
            _shown(inspected.examples.get(column, "")),
            inspected.filled[column] / max(inspected.rows, 1),
        )
        for column in inspected.types
    )


def _shown(value: object) -> str:
    """A value on one line, short, without anything that a terminal would obey."""
    said = written_out(value)
    text = said if said is not None else _REPR.repr(value)
    text = "".join(mark if mark.isprintable() else " " for mark in text[: 4 * _SHOWN]).strip()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _why_extra(column: str, type: FieldType | None, taken: int, *, exists: bool) -> str | None:
    if type is None:
        return "empty, nested, of mixed types or long texts"
    if exists:
        return "the collection has no such field"
    if column in RESERVED or column == REGION.name:
        return "every item has something else of that name"
    return f"more than {MAX_FIELDS} columns" if taken >= MAX_FIELDS else None


def _check_overrides(
    types: Mapping[str, FieldType | None], roles: Roles, overrides: Mapping[str, FieldType]
) -> None:
    for column, type in overrides.items():
        if column not in types:
            raise CatalogError(
                f"The catalogue has no column {column!r}; its columns are: {', '.join(types)}.",
                hint=f"Correct --type {column}={type}.",
                details={"columns": list(types)},
            )
        if column in roles.columns:
            raise CatalogError(
                f"The type of column {column!r} cannot be chosen: it is the item's id, image, "
                "title or product, always a string.",
                hint=f"Leave --type {column}={type} out.",
            )


def _check_stored(stored: Field, overrides: Mapping[str, FieldType]) -> None:
    given = overrides.get(stored.name, stored.type)
    if given is not stored.type:
        raise SchemaMismatchError(
            f"Field {stored.name!r} of the collection is of type {stored.type}, not {given}.",
            hint="Leave --type out, or index into another collection.",
            details={"field": stored.name, "stored": stored.type, "given": given},
        )
