"""Parquet files, read a piece of a row group at a time."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.sources.base import RawRow, UnreadableRow, empty_catalog, unreadable_catalog
from search.errors import CatalogError
from search.types import FieldType

if TYPE_CHECKING:
    import pyarrow as pa

PARQUET_SUFFIXES = (".parquet", ".pq")

_BATCH_ROWS = 1_024


class ParquetSource:
    """A Parquet file; its schema says what the columns are."""

    textual = False

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.path = path
        self.base = path.parent
        try:
            with pq.ParquetFile(path) as file:
                self._rows = int(file.metadata.num_rows)
                schema = file.schema_arrow
                self.columns = tuple(schema.names)
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            raise unreadable_catalog(path, error) from error
        if not self._rows:
            raise empty_catalog(path)
        if len(set(self.columns)) < len(self.columns):
            raise CatalogError(
                f"{path} has several columns of one name.",
                hint="Give every column a name of its own.",
            )
        self.declared: Mapping[str, FieldType | None] = {
            field.name: _field_type(field.type) for field in schema
        }

    def rows(self) -> Iterator[RawRow | UnreadableRow]:
        """The rows in order, as Python values."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        number = 0
        try:
            with pq.ParquetFile(self.path) as file:
                for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                    yield from _read_batch(number, batch)
                    number += batch.num_rows
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            raise unreadable_catalog(self.path, error) from error

    def estimate(self) -> int:
        """How many rows there are, exactly."""
        return self._rows


def _read_batch(before: int, batch: "pa.RecordBatch") -> Iterator[RawRow | UnreadableRow]:
    """The rows of a batch, `before` of them being in front of it in the file."""
    try:
        rows = batch.to_pylist()
    except (ValueError, OverflowError):
        # Parquet checks neither texts nor dates when they are written: only the rows that hold a
        # broken one are lost.
        for place in range(batch.num_rows):
            yield _read_row(before + place + 1, batch.slice(place, 1))
        return
    for number, values in enumerate(rows, start=before + 1):
        yield RawRow(number, values)


def _read_row(number: int, row: "pa.RecordBatch") -> RawRow | UnreadableRow:
    values: dict[str, object] = {}
    for column, content in zip(row.schema.names, row.columns, strict=True):
        try:
            [values[column]] = content.to_pylist()
        except UnicodeDecodeError:
            reason = f"Column {column!r} is not valid UTF-8."
            return UnreadableRow(number, "encoding", reason, "Write its texts as UTF-8.")
        except (ValueError, OverflowError) as error:
            reason = f"Column {column!r} cannot be read: {error}."
            return UnreadableRow(number, "broken_row", reason, "Correct or empty the value.")
    return RawRow(number, values)


def _field_type(kind: "pa.DataType") -> FieldType | None:
    import pyarrow.types as is_

    if is_.is_dictionary(kind):
        return _field_type(kind.value_type)
    # Times of day would be lost in a date: a timestamp is kept as ISO text, which sorts right.
    tests = (
        (FieldType.BOOLEAN, is_.is_boolean),
        (FieldType.INTEGER, is_.is_integer),
        (FieldType.FLOAT, lambda it: is_.is_floating(it) or is_.is_decimal(it)),
        (FieldType.DATE, is_.is_date),
        (FieldType.STRING, lambda it: _is_text(it) or is_.is_timestamp(it)),
        (FieldType.STRINGS, lambda it: _is_list(it) and _is_text(it.value_type)),
    )
    return next((field for field, test in tests if test(kind)), None)


def _is_text(kind: "pa.DataType") -> bool:
    import pyarrow.types as is_

    tests = (is_.is_string, is_.is_large_string, is_.is_string_view)
    return any(test(kind) for test in tests)


def _is_list(kind: "pa.DataType") -> bool:
    import pyarrow.types as is_

    tests = (is_.is_list, is_.is_large_list, is_.is_fixed_size_list)
    return any(test(kind) for test in tests)
