"""What an import is given: rows with embeddings, each with the number that people find it by."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from indexer.report import Failure
from indexer.values import UnfitValueError, convert
from search.encoders.base import ModelIdentity
from search.store.base import Entity
from search.types import Field, FieldValue, Item

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 1_000
CURE = "Correct the row, or leave it out, and run the command again."


@dataclass(frozen=True, slots=True)
class Incoming:
    """A row of a file. Its embedding is `(dim,) float32`, not checked and not normalised yet."""

    number: int
    entity: Entity

    def failure(self, code: str, reason: str, hint: str = CURE) -> Failure:
        """The failure that this row is."""
        item = self.entity.item
        return Failure(self.number, item.id, item.image, code, reason, hint)


class Exchange(Protocol):
    """Files with embeddings of one model, read lazily and as often as wanted."""

    @property
    def shown(self) -> str:
        """What it is, for people: the path or paths."""

    @property
    def model(self) -> ModelIdentity:
        """The model that the embeddings were made with."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """The typed fields that its rows may have."""

    @property
    def rows(self) -> int:
        """How many rows there are."""

    def batches(self) -> Iterator[list[Incoming | Failure]]:
        """The rows in lists of at most `BATCH_ROWS`. Raises CatalogError if the rest is broken."""


class RefusedError(Exception):
    """A row that cannot become an item, and why; stays in this package."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


def python_rows(batch: "pa.RecordBatch") -> list[dict[str, object] | RefusedError]:
    """The rows of a batch as Python values; a row that holds what is no text or date is refused.

    Parquet checks neither when they are written: only the rows that hold a broken one are lost.
    """
    try:
        return cast(list[dict[str, object] | RefusedError], batch.to_pylist())
    except (ValueError, OverflowError):
        return [_python_row(batch.slice(place, 1)) for place in range(batch.num_rows)]


def _python_row(row: "pa.RecordBatch") -> dict[str, object] | RefusedError:
    try:
        [values] = row.to_pylist()
    except (ValueError, OverflowError) as error:
        return RefusedError("broken_row", f"The row holds what cannot be read: {error}.")
    return cast(dict[str, object], values)


def text_of(values: Mapping[str, object], column: str) -> str:
    """The text of a column; nothing is an empty one."""
    value = values.get(column)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RefusedError("wrong_type", f"Column {column!r} holds {_shown(value)}, not a text.")
    return value


def fields_of(values: Mapping[str, object], fields: Sequence[Field]) -> dict[str, FieldValue]:
    """The typed values of a row."""
    found: dict[str, FieldValue] = {}
    for field in fields:
        value = values.get(field.name)
        if value is not None:
            try:
                found[field.name] = convert(value, field.type)
            except UnfitValueError:
                raise RefusedError(
                    "wrong_type", f"Field {field.name!r} holds {_shown(value)}, not {field.type}."
                ) from None
    return found


def json_of(values: Mapping[str, object], column: str) -> dict[str, object]:
    """The JSON object in a column of texts; nothing is an empty one."""
    text = text_of(values, column)
    try:
        value = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise RefusedError("broken_row", f"Column {column!r} holds no JSON object.")
    return value


def entity_of(
    values: Mapping[str, object],
    fields: Mapping[str, FieldValue],
    embedding: NDArray[np.float32],
) -> Entity:
    """The entity of a row that has vitrine's own columns. Raises RefusedError."""
    item = Item(
        id=text_of(values, "id"),
        image=text_of(values, "image"),
        title=text_of(values, "title"),
        product_id=text_of(values, "product_id") or None,
        fields=fields,
        extra=json_of(values, "extra"),
    )
    return Entity(item, embedding, text_of(values, "image_hash"), text_of(values, "row_hash"))


def refused(number: int, values: Mapping[str, object], why: RefusedError) -> Failure:
    """The failure for a row that could not be made an item."""

    def shown(column: str) -> str | None:
        value = values.get(column)
        return value if isinstance(value, str) else None

    return Failure(number, shown("id"), shown("image"), why.code, why.reason, CURE)


def vectors_of(column: "pa.Array", dim: int) -> NDArray[np.float32]:
    """`(n, dim) float32` of a column of fixed-size lists; a row without one is not a number."""
    import pyarrow as pa

    vectors = np.full((len(column), dim), np.nan, dtype=np.float32)
    there = np.asarray(column.is_valid())
    flat = column.flatten().cast(pa.float32()).to_numpy(zero_copy_only=False)
    vectors[there] = flat.reshape(-1, dim)
    return vectors


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
