"""Items as rows of Milvus, checked before anything is written, and rows as items again.

What Milvus would take and regret is refused here: Milvus Lite stores NaN, counts characters where
the server counts bytes, and both keep a different one of two rows with the same id.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.errors import ItemInvalidError
from search.store.base import Entity
from search.store.schema import ID_BYTES, JSON_BYTES, LIST_LENGTH, MISSING, TEXT_BYTES, Layout
from search.types import Field, FieldType, FieldValue, Item

REQUEST_BYTES = 16_000_000
"""Most bytes of one write: servers refuse messages of 64 MB."""

NORM_TOLERANCE = 1e-3
_MAX_INTEGER = 2**63 - 1

Row = dict[str, Any]


def encode_all(entities: Sequence[Entity], layout: Layout) -> list[Row]:
    """Rows of all entities, or ItemInvalidError for the first that the collection cannot hold.

    An id that comes twice is refused too: Milvus would keep one of the two, Lite the last and
    the server the first.
    """
    rows = [encode(entity, layout) for entity in entities]
    seen: set[str] = set()
    for row in rows:
        if row["id"] in seen:
            raise _invalid(row["id"], "comes twice in one write", "Write each id once.")
        seen.add(row["id"])
    return rows


def encode(entity: Entity, layout: Layout) -> Row:
    """The row of one entity; ItemInvalidError names the item and what is wrong with it."""
    item = entity.item
    check_id(item.id)
    columns = layout.columns
    unknown = sorted(set(item.fields) - set(columns))
    if unknown:
        raise _invalid(
            item.id, f"has values for {unknown}", f"The collection has: {list(columns)}."
        )
    row: Row = {
        "id": item.id,
        "embedding": _embedding(item.id, entity.embedding, layout.model.dim),
        "extra": _extra(item),
    }
    texts = {
        "image": item.image,
        "title": item.title,
        "product_id": item.product_id or "",
        "image_hash": entity.image_hash,
        "row_hash": entity.row_hash,
    }
    row |= {name: _text(item.id, name, text) for name, text in texts.items()}
    for field in layout.fields:
        row[columns[field.name]] = encode_value(item.id, field, item.fields.get(field.name))
    return row


def decode(row: Mapping[str, Any], layout: Layout) -> Item:
    """The item of a row; a missing value comes back as None, an empty text or list too."""
    columns = layout.columns
    return Item(
        id=row["id"],
        image=row["image"],
        title=row["title"],
        product_id=row["product_id"] or None,
        fields={f.name: decode_value(f.type, row[columns[f.name]]) for f in layout.fields},
        extra=dict(row["extra"]),
    )


def decode_values(
    row: Mapping[str, Any], names: Sequence[str], layout: Layout
) -> dict[str, FieldValue]:
    """The values of these fields in a row, by name; None where the row says nothing."""
    readable = layout.readable
    return {name: decode_value(readable[name][1], row[readable[name][0]]) for name in names}


def decode_entity(row: Mapping[str, Any], layout: Layout) -> Entity:
    """The entity of a row; its embedding is `(0,) float32` when the row was read without."""
    return Entity(
        item=decode(row, layout),
        embedding=np.asarray(row.get("embedding", ()), dtype=np.float32),
        image_hash=row["image_hash"],
        row_hash=row["row_hash"],
    )


def encode_value(id: str, field: Field, value: FieldValue) -> object:
    """A value as its column holds it; ItemInvalidError if it is of another type or too big."""
    if value is None:
        return MISSING[field.type]
    match field.type, value:
        case FieldType.STRING, str():
            return _text(id, field.name, value)
        case FieldType.BOOLEAN, bool():
            return int(value)
        case ((FieldType.INTEGER | FieldType.FLOAT), bool()):
            pass
        case FieldType.INTEGER, int() if abs(value) <= _MAX_INTEGER:
            return value
        case FieldType.FLOAT, int() | float() if _holds(value):
            return float(value)
        case FieldType.DATE, date() if not isinstance(value, datetime):
            return value.isoformat()
        case FieldType.STRINGS, list() if len(value) <= LIST_LENGTH:
            return [_text(id, field.name, each) for each in value]
    raise _invalid(
        id,
        f"has {_shown(value)} as '{field.name}'",
        f"The field holds {field.type.value} values"
        + (f", at most {LIST_LENGTH} each." if field.type is FieldType.STRINGS else "."),
    )


def decode_value(type_: FieldType, stored: Any) -> FieldValue:
    """A value from its column."""
    if stored == MISSING[type_]:
        return None
    match type_:
        case FieldType.BOOLEAN:
            return bool(stored)
        case FieldType.DATE:
            return date.fromisoformat(stored)
        case FieldType.STRINGS:
            return list(stored)
        case FieldType.STRING:
            return str(stored)
        case FieldType.INTEGER:
            return int(stored)
        case FieldType.FLOAT:
            return float(stored)


def decode_column(type_: FieldType, stored: Sequence[Any]) -> list[FieldValue]:
    """The values of a whole column, as `decode_value` gives them."""
    if type_ in (FieldType.BOOLEAN, FieldType.DATE, FieldType.STRINGS):
        return [decode_value(type_, each) for each in stored]
    missing = MISSING[type_]
    return [None if each == missing else each for each in stored]


def check_id(id: str) -> None:
    """ItemInvalidError unless it is a text of 1 to 512 bytes without control characters."""
    if not isinstance(id, str) or not id:
        raise _invalid(str(id), "has no id", "Give every item an id of its own.")
    if any(ord(character) < 32 or ord(character) == 127 for character in id):
        raise _invalid(id, "has a control character in its id", "Remove it.")
    if _bytes(id, "id", id) > ID_BYTES:
        raise _invalid(id, f"has an id of more than {ID_BYTES} bytes", "Shorten it.")


def batches(rows: Sequence[Row], limit: int = REQUEST_BYTES) -> Iterator[list[Row]]:
    """The rows in order, in lists of at most `limit` bytes (one row at least)."""
    batch: list[Row] = []
    size = 0
    for row in rows:
        row_size = _row_bytes(row)
        if batch and size + row_size > limit:
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += row_size
    if batch:
        yield batch


def _embedding(id: str, embedding: NDArray[np.float32], dim: int) -> NDArray[np.float32]:
    vector = np.asarray(embedding, dtype=np.float32)
    if vector.shape != (dim,):
        raise _invalid(
            id, f"has an embedding of shape {vector.shape}", f"The collection wants ({dim},)."
        )
    norm = float(np.linalg.norm(vector))
    if not abs(norm - 1) <= NORM_TOLERANCE:  # Also NaN, which compares to nothing.
        raise _invalid(id, f"has an embedding of norm {norm:.4g}", "L2-normalise it.")
    return vector


def _text(id: str, name: str, text: object) -> str:
    if not isinstance(text, str):
        raise _invalid(id, f"has {_shown(text)} as '{name}'", "It holds texts.")
    if _bytes(id, name, text) > TEXT_BYTES:
        raise _invalid(id, f"has more than {TEXT_BYTES} bytes in '{name}'", "Shorten it.")
    return text


def _extra(item: Item) -> dict[str, object]:
    extra = dict(item.extra)
    try:
        text = json.dumps(extra, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        # What JSON would change on the way (keys that are numbers, tuples) does not come back.
        same = json.loads(text) == extra
    except (TypeError, ValueError, RecursionError) as error:
        raise _invalid(item.id, "has extra values that JSON cannot say", str(error)) from error
    if not same or not _fits(extra):
        raise _invalid(
            item.id,
            "has extra values that would not come back as they are",
            "Use JSON types, texts as keys, and whole numbers of 64 bits.",
        )
    if _bytes(item.id, "extra", text) > JSON_BYTES:
        raise _invalid(
            item.id, f"has more than {JSON_BYTES} bytes of extra values", "Drop long columns."
        )
    return extra


def _fits(value: object) -> bool:
    match value:
        case dict():
            return all(map(_fits, value.values()))
        case list():
            return all(map(_fits, value))
        case int():
            return abs(value) <= _MAX_INTEGER
    return True


def _holds(value: int | float) -> bool:
    """Whether a DOUBLE holds the number: finite, and not the one that means "missing"."""
    try:
        number = float(value)
    except OverflowError:
        return False
    return math.isfinite(number) and number > float(str(MISSING[FieldType.FLOAT]))


def _bytes(id: str, name: str, text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:
        raise _invalid(id, f"has half a character in '{name}'", "Write it as UTF-8.") from error


def _row_bytes(row: Row) -> int:
    """About what the row weighs in a message."""
    total = 0
    for value in row.values():
        match value:
            case np.ndarray():
                total += value.nbytes
            case str():
                total += len(value.encode())
            case list():
                total += sum(len(each.encode()) + 4 for each in value)
            case dict():
                total += len(json.dumps(value, ensure_ascii=False).encode())
        total += 10
    return total


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _invalid(id: str, what: str, cure: str) -> ItemInvalidError:
    shown = _shown(id)
    return ItemInvalidError(f"The item {shown} {what}.", hint=cure, details={"id": id})
