"""Raw rows to items: checked, typed, hashed, each id once."""

import json
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TypeVar

from indexer.columns import Roles
from indexer.locations import join
from indexer.plan import Plan
from indexer.report import Failure
from indexer.seen import UNCLAIMED, SeenIds, key_of
from indexer.sources import RawRow, Source, UnreadableRow
from indexer.values import (
    LEVELS,
    UnfitValueError,
    convert,
    is_missing,
    json_value,
    written_out,
)
from search.errors import VitrineError
from search.regions import REGION, WHOLE, region_id
from search.types import Box, Field, FieldType, FieldValue, Item

R = TypeVar("R")
_CHUNK = 512
_CHUNK_BYTES = 32 * 2**20
_SHOWN = 60
"""Most characters of a value that a message repeats."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row that can be indexed, as far as can be said without its image.

    `row_hash` is the hex digest of everything that the item says, its image's address included.
    `data` is the image's bytes where they came with the row, as in tar shards. `parts` are rows
    of their own for regions of the same image; `box` says which region a row is of, None for the
    whole.
    """

    number: int
    item: Item
    row_hash: str
    data: bytes | None = None
    box: Box | None = None
    parts: tuple["Row", ...] = ()

    def alone(self) -> "Row":
        """The row without its parts and the bytes that it may have come with."""
        plain = self.data is None and not self.parts
        return self if plain else replace(self, data=None, parts=())

    @property
    def entities(self) -> tuple["Row", ...]:
        """The row itself, then its parts."""
        return (self, *self.parts)

    @property
    def image_path(self) -> Path:
        """The image's file, absolute."""
        return Path(self.item.image)

    def failure(self, error: VitrineError) -> Failure:
        """The failure that the error is for this row."""
        hint = error.hint or "Correct the row or replace the file, and run the command again."
        times = len(self.entities)
        return Failure(
            self.number, self.item.id, self.item.image, error.code, error.message, hint, times
        )


def read_rows(source: Source, plan: Plan, seen: SeenIds) -> Iterator[Row | Failure]:
    """The rows of a catalogue, in order, as items or as the reason why they cannot be one.

    A row is one item; with several image columns, it is one for each column that names an image,
    all with the row's number, or one failure. Regions of an image are parts of its row. Of several
    rows with one id the first that can be used wins. `seen` gets to know every id that can be read,
    also of rows that cannot be used.
    """
    rows = source.rows()
    while raws := next_chunk(rows):
        chunk = [checked for raw in raws for checked in _checked(raw, source.base, plan)]
        claims = [(key, checked.claim) for checked in chunk for key in checked.keys]
        owners = iter(seen.claim_all(claims))
        for checked in chunk:
            taken = [owner for _ in checked.keys if (owner := next(owners)) != checked.claim]
            result = checked.result
            if isinstance(result, Row) and taken:
                result = _failure(checked.raw, plan, _duplicate(result.item.id, taken[0]))
            if isinstance(result, Failure):
                result = replace(result, times=plan.per_picture)
            yield result


def read_row(raw: RawRow, plan: Plan) -> Row | Failure:
    """One row by itself, as `read_rows` has it, of a plan with one image column.

    The row's image is named by its `address`, or by an absolute address in the image's column.
    """
    [checked] = _checked(raw, "/", plan)
    return checked.result


def next_chunk(rows: Iterator[R]) -> list[R]:
    """The next 512 rows, fewer at the end or where they come with more than 32 MiB of images."""
    chunk: list[R] = []
    held = 0
    for row in islice(rows, _CHUNK):
        chunk.append(row)
        held += len(row.data or b"") if isinstance(row, Row | RawRow) else 0
        if held > _CHUNK_BYTES:
            break
    return chunk


@dataclass(frozen=True, slots=True)
class _Checked:
    """What a raw row turned out to be. `keys` stand for its ids, where they can be read."""

    raw: RawRow
    result: Row | Failure
    keys: tuple[bytes, ...]

    @property
    def claim(self) -> int:
        return self.result.number if isinstance(self.result, Row) else UNCLAIMED


def _checked(raw: RawRow | UnreadableRow, base: str, plan: Plan) -> list[_Checked]:
    if isinstance(raw, UnreadableRow):
        nothing = RawRow(raw.number, {})
        failure = Failure(raw.number, None, None, raw.code, raw.reason, raw.hint)
        return [_Checked(nothing, failure, ())]
    keys: tuple[bytes, ...] = ()
    try:
        id = _id(raw, plan.roles)
        several = len(plan.roles.images) > 1
        ids = [f"{id}#{column}" if several else id for column in plan.roles.images]
        keys = tuple(key for one in ids for key in _keys(one, plan))
        said = _read_said(raw, id, plan)
        if not several:
            return [_Checked(raw, _row(raw, id, plan.roles.image, base, said, plan), keys)]
        return _per_image(raw, list(zip(ids, plan.roles.images)), base, said, plan)
    except _Refused as refused:
        failure = _failure(raw, plan, refused)
        # Without a key nobody knows whose row it is: what it shows in place of an id is none.
        return [_Checked(raw, failure if keys else replace(failure, id=None), keys)]


def _keys(id: str, plan: Plan) -> tuple[bytes, ...]:
    """What stands for the ids of an item and of the regions of its picture."""
    boxes = plan.regions.boxes if plan.regions is not None else ()
    return (_digest(id), *(_digest(region_id(id, box)) for box in boxes))


def _per_image(
    raw: RawRow, images: Sequence[tuple[str, str]], base: str, said: "_Said", plan: Plan
) -> list[_Checked]:
    """An item for every image column that is not empty."""
    named = [one for one in images if not is_missing(raw.values.get(one[1]))]
    if not named:
        columns = ", ".join(repr(column) for _, column in images)
        raise _Refused(
            "image_missing",
            f"The row names no image (columns {columns}).",
            "Give every row an image, or choose other --image-column.",
        )
    checked: list[_Checked] = []
    for id, column in named:
        try:
            result: Row | Failure = _row(raw, id, column, base, said, plan)
        except _Refused as refused:
            image = _shown(raw, column)
            result = Failure(raw.number, id, image, refused.code, refused.reason, refused.hint)
        checked.append(_Checked(raw, result, _keys(id, plan)))
    return checked


def _duplicate(id: str, owner: int | None) -> "_Refused":
    return _Refused(
        "id_duplicate",
        f"Id {id!r} is already used by row {owner}.",
        "Give every row an id of its own, or choose another --id-column.",
    )


class _Refused(Exception):
    """A row that cannot become an item, and why."""

    def __init__(self, code: str, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.code, self.reason, self.hint = code, reason, hint


@dataclass(frozen=True, slots=True)
class _Said:
    """What all items of a row share."""

    title: str
    product_id: str | None
    fields: Mapping[str, FieldValue]
    extra: Mapping[str, object]


def _id(raw: RawRow, roles: Roles) -> str:
    id = _word(raw, roles.id)
    if id is None:
        raise _Refused(
            "id_empty", f"The row has no id (column {roles.id!r}).", "Give every row an id."
        )
    return id


def _read_said(raw: RawRow, id: str, plan: Plan) -> _Said:
    roles = plan.roles
    fields: dict[str, FieldValue] = {}
    extra: dict[str, object] = {}
    with_role = roles.columns
    for column, value in raw.values.items():
        if column in with_role or is_missing(value):
            continue
        if column in plan.fields:
            field = plan.fields[column]
            fields[field.name] = _typed(column, field, value)
        else:
            extra[column] = _kept(column, value)
    product_id = _word(raw, roles.product_id)
    if product_id is None and roles.more_images:
        product_id = id
    return _Said(_word(raw, roles.title) or "", product_id, fields, extra)


def _row(raw: RawRow, id: str, column: str, base: str, said: _Said, plan: Plan) -> Row:
    item = Item(id, _image(raw, column, base), said.title, said.product_id, said.fields, said.extra)
    if plan.regions is None:
        return Row(raw.number, item, _row_hash(item), raw.data)
    parts = tuple(_region_row(raw.number, item, box) for box in plan.regions.boxes)
    return replace(_region_row(raw.number, item, None), data=raw.data, parts=parts)


def _region_row(number: int, item: Item, box: Box | None) -> Row:
    """The row of a region of the item's picture; of the whole, where there is no box."""
    fields = {**item.fields, REGION.name: WHOLE if box is None else str(box)}
    id = item.id if box is None else region_id(item.id, box)
    entity = replace(item, id=id, fields=fields)
    return Row(number, entity, _row_hash(entity), box=box)


def _word(raw: RawRow, column: str | None) -> str | None:
    """The text of a column that has a role; numbers are written out."""
    value = raw.values.get(column) if column is not None else None
    if is_missing(value) or column is None:
        return None
    text = written_out(value) if isinstance(value, str | int | float | Decimal) else None
    if text is None or isinstance(value, bool):
        raise _wrong_type(column, value, "string")
    return text.strip()


def _typed(column: str, field: Field, value: object) -> FieldValue:
    try:
        return convert(value, field.type)
    except UnfitValueError:
        raise _wrong_type(column, value, field.type) from None


def _kept(column: str, value: object) -> object:
    try:
        return json_value(value)
    except UnfitValueError:
        raise _Refused(
            "wrong_type",
            f"Column {column!r} is nested deeper than {LEVELS} levels.",
            "Flatten the value, or leave it out.",
        ) from None


def _wrong_type(column: str, value: object, expected: str) -> _Refused:
    shown = _shorter(value)
    article = "an" if expected[0] in "aeiou" else "a"
    noun = "a list of strings" if expected == "strings" else f"{article} {expected}"
    cure = "Correct the value in the catalogue"
    if expected != FieldType.STRING and written_out(value) is not None:
        cure += f", or index into a new collection with --type {column}=string"
    return _Refused(
        "wrong_type", f"Column {column!r} has {shown}, which is not {noun}.", f"{cure}."
    )


def _shorter(value: object) -> str:
    """The value as a message shows it; of what is nested, the outer levels."""
    short = reprlib.Repr()
    short.maxstring = short.maxlong = short.maxother = 2 * _SHOWN
    shown = short.repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."


def _image(raw: RawRow, column: str, base: str) -> str:
    """The address of the row's image: an absolute path, or a URL."""
    if raw.address is not None:
        return raw.address
    value = _word(raw, column)
    if value is None:
        raise _Refused(
            "image_missing",
            f"The row names no image (column {column!r}).",
            "Give every row an image, or choose another --image-column.",
        )
    if "\0" in value:
        raise _Refused("image_unreadable", "The image's path holds a NUL.", "Correct the path.")
    try:
        return join(base, value)
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise _Refused(
            "image_unreadable",
            f"The image {value[:_SHOWN]!r} is no address: {reason}.",
            "Correct the address.",
        ) from None


def _row_hash(item: Item) -> str:
    said = {
        "image": item.image,
        "title": item.title,
        "product_id": item.product_id,
        "fields": {name: value for name, value in item.fields.items() if value is not None},
        "extra": item.extra,
    }
    canonical = json.dumps(
        [item.id, said], sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_iso
    )
    return _digest(canonical).hex()


def _digest(text: str) -> bytes:
    try:
        return key_of(text)
    except UnicodeEncodeError:
        raise _Refused(
            "encoding",
            "The row or its file's name holds bytes that are no text in UTF-8.",
            "Save the catalogue as UTF-8, or rename the file.",
        ) from None


def _iso(value: object) -> str:
    assert isinstance(value, date)
    return value.isoformat()


def _failure(raw: RawRow, plan: Plan, refused: _Refused) -> Failure:
    id, image = _shown(raw, plan.roles.id), _shown(raw, plan.roles.image)
    return Failure(raw.number, id, image, refused.code, refused.reason, refused.hint)


def _shown(raw: RawRow, column: str) -> str | None:
    value = raw.values.get(column)
    if is_missing(value):
        return None
    text = written_out(value)
    return _printable(text.strip() if text is not None else _shorter(value))


def _printable(text: str) -> str:
    """Text that a terminal takes: the name of an image in a folder may be none."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
