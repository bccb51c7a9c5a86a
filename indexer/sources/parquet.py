"""Parquet files, read a piece of a row group at a time."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.sources.base import (
    MAX_COLUMNS,
    CatalogFile,
    RawRow,
    UnreadableRow,
    empty_catalog,
    too_many_columns,
    unreadable_catalog,
)
from search.errors import CatalogError
from search.types import FieldType

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

PARQUET_SUFFIXES = (".parquet", ".pq")

_BATCH_ROWS = 1_024
_MAX_FOOTER = 64 * 2**20
"""Bytes of a file's own description, which is read whole: a million columns need more."""


class ParquetSource:
    """A Parquet file; its schema says what the columns are."""

    textual = False

    def __init__(self, catalog: str | Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._file = CatalogFile(catalog)
        self.name, self.base = self._file.name, self._file.base
        try:
            if _footer_bytes(self._file.path) > _MAX_FOOTER:
                raise too_many_columns(self.name)
            with pq.ParquetFile(self._file.path) as file:
                self._rows = int(file.metadata.num_rows)
                schema = file.schema_arrow
                self.columns = tuple(schema.names)
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            raise unreadable_catalog(self.name, error) from error
        if not self._rows:
            raise empty_catalog(self.name)
        if len(self.columns) > MAX_COLUMNS:
            raise too_many_columns(self.name)
        if len(set(self.columns)) < len(self.columns):
            raise CatalogError(
                f"{self.name} has several columns of one name.",
                hint="Give every column a name of its own.",
            )
        self.declared: Mapping[str, FieldType | None] = {
            field.name: _field_type(field.type) for field in schema
        }

    def rows(self) -> Iterator[RawRow | UnreadableRow]:
        """The rows in order, as Python values; those of a broken row group are unreadable."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        number = 0
        try:
            with pq.ParquetFile(self._file.path) as file:
                for group in range(file.num_row_groups):
                    count = int(file.metadata.row_group(group).num_rows)
                    yield from _read_group(file, group, number, count)
                    number += count
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            raise unreadable_catalog(self.name, error) from error

    sample = rows

    def estimate(self) -> int:
        """How many rows there are, exactly."""
        return self._rows


def _footer_bytes(path: Path) -> int:
    """How long the description at the file's end says that it is; 0 for what is no Parquet."""
    with path.open("rb") as file:
        end = file.seek(0, 2)
        file.seek(max(end - 8, 0))
        tail = file.read(8)
    return int.from_bytes(tail[:4], "little") if tail[4:] == b"PAR1" else 0


def _read_group(
    file: "pq.ParquetFile", group: int, before: int, count: int
) -> Iterator[RawRow | UnreadableRow]:
    """The rows of a row group, exactly `count`, `before` of them being in front of it."""
    import pyarrow as pa

    done, reason = 0, "it ends early"
    try:
        # Without buffering ahead: only what a batch needs of the row group is in memory.
        batches = file.iter_batches(_BATCH_ROWS, row_groups=[group], use_threads=False)
        for batch in batches:
            wanted = batch.slice(0, count - done)
            yield from _read_batch(before + done, wanted)
            done += wanted.num_rows
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    for number in range(before + done + 1, before + count + 1):
        yield UnreadableRow(
            number,
            "broken_row",
            f"Row group {group} of the file cannot be read: {reason}.",
            "Write the file again.",
        )


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
