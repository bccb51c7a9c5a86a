"""Raw rows to items: checked, typed, hashed, each id once."""

import hashlib
import json
import os
import reprlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from indexer.plan import Plan
from indexer.report import Failure
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
from search.types import Field, FieldType, FieldValue, Item

_HASH_BYTES = 16
_SHOWN = 60
"""Most characters of a value that a message repeats."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row that can be indexed, as far as can be said without its image.

    `row_hash` is the hex digest of everything that the item says, its image's address included.
    """

    number: int
    item: Item
    row_hash: str

    @property
    def image_path(self) -> Path:
        """The image's file, absolute."""
        return Path(self.item.image)

    def failure(self, error: VitrineError) -> Failure:
        """The failure that the error is for this row."""
        hint = error.hint or "Correct the row or replace the file, and run the command again."
        return Failure(self.number, self.item.id, self.item.image, error.code, error.message, hint)


def read_rows(source: Source, plan: Plan) -> Iterator[Row | Failure]:
    """The rows of a catalogue, in order, as items or as the reason why they cannot be one.

    Of several rows with one id the first wins. What is remembered of each is 16 bytes and its
    number, so that catalogues of many millions of rows can be read.
    """
    first_rows: dict[bytes, int] = {}
    for raw in source.rows():
        if isinstance(raw, UnreadableRow):
            yield Failure(raw.number, None, None, raw.code, raw.reason, raw.hint)
            continue
        try:
            row = _read_row(raw, source.base, plan)
            key = _digest(row.item.id)
            first = first_rows.setdefault(key, row.number)
            if first != row.number:
                raise _Refused(
                    "id_duplicate", f"Id {row.item.id!r} is already used by row {first}.",
                    "Give every row an id of its own, or choose another --id-column.",
                )  # fmt: skip
        except _Refused as refused:
            yield _failure(raw, plan, refused)
        else:
            yield row


class _Refused(Exception):
    """A row that cannot become an item, and why."""

    def __init__(self, code: str, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.code, self.reason, self.hint = code, reason, hint


def _read_row(raw: RawRow, base: Path, plan: Plan) -> Row:
    roles = plan.roles
    id = _word(raw, roles.id)
    if id is None:
        raise _Refused(
            "id_empty", f"The row has no id (column {roles.id!r}).", "Give every row an id."
        )
    fields: dict[str, FieldValue] = {}
    extra: dict[str, object] = {}
    for column, value in raw.values.items():
        if column in roles.columns or is_missing(value):
            continue
        if column in plan.fields:
            field = plan.fields[column]
            fields[field.name] = _typed(column, field, value)
        else:
            extra[column] = _kept(column, value)
    item = Item(
        id=id,
        image=_image(_word(raw, roles.image), base, roles.image),
        title=_word(raw, roles.title) or "",
        product_id=_word(raw, roles.product_id),
        fields=fields,
        extra=extra,
    )
    return Row(raw.number, item, _row_hash(item))


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


def _image(value: str | None, base: Path, column: str) -> str:
    """The absolute address of the row's image file."""
    if value is None:
        raise _Refused(
            "image_missing",
            f"The row names no image (column {column!r}).",
            "Give every row an image, or choose another --image-column.",
        )
    if "://" in value:
        raise _Refused(
            "image_remote",
            f"The image is an address and not a file: {value[:_SHOWN]}.",
            "Download the images and give their paths.",
        )
    if "\0" in value:
        raise _Refused("image_unreadable", "The image's path holds a NUL.", "Correct the path.")
    # Not Path.resolve: where the catalogue says the image is matters, not where links lead.
    return os.path.abspath(base / value)  # noqa: PTH100


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
        return hashlib.blake2b(text.encode("utf-8"), digest_size=_HASH_BYTES).digest()
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
    def shown(column: str) -> str | None:
        value = raw.values.get(column)
        if is_missing(value):
            return None
        text = written_out(value)
        return _printable(text.strip() if text is not None else _shorter(value))

    return Failure(
        raw.number,
        shown(plan.roles.id),
        shown(plan.roles.image),
        refused.code,
        refused.reason,
        refused.hint,
    )


def _printable(text: str) -> str:
    """Text that a terminal takes: the name of an image in a folder may be none."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
