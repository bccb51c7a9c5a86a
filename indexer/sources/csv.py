"""CSV and TSV files: any usual delimiter, quoted line ends, byte order marks, broken rows."""

import csv
import io
import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from pathlib import Path

from indexer.sources.base import (
    BROKEN,
    MAX_COLUMNS,
    MAX_ROW_BYTES,
    READ_ERRORS,
    CatalogFile,
    RawRow,
    UnreadableRow,
    empty_catalog,
    too_long,
    too_many_columns,
    unreadable_catalog,
)
from search.errors import CatalogError
from search.types import FieldType

DELIMITED_SUFFIXES = (".csv", ".tsv", ".tab")

_DELIMITERS = (",", "\t", ";", "|")
_SURROGATES = re.compile("[\ud800-\udfff]")
_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_HEADER_CHARS = 2**20
_NAMED = 10
_REREAD_CHARS = 2**28
"""Most characters that are read again because of broken rows, so that no file takes for ever."""


class CsvSource:
    """A file of delimited text whose first row names the columns."""

    textual = True
    declared: Mapping[str, FieldType | None] = {}

    def __init__(self, catalog: str | Path) -> None:
        self._file = CatalogFile(catalog)
        self.name, self.base = self._file.name, self._file.base
        try:
            with self._file.open() as stream:
                start = stream.read(4)
            self._encoding = next(
                (name for mark, name in _MARKS if start.startswith(mark)), "utf-8-sig"
            )
            first = next((line for line in self._lines() if line.strip()), "")
            if len(first) > _HEADER_CHARS:
                raise too_many_columns(self.name)
            self._delimiter = self._find_delimiter(first)
            header = next(self._records(), None)
        except READ_ERRORS as error:
            raise unreadable_catalog(self.name, error) from error
        if header is None:
            raise empty_catalog(self.name)
        self.columns = self._names(header[1])

    def rows(self) -> Iterator[RawRow | UnreadableRow]:
        """The rows below the header, values without outer blanks.

        Rows without any value are passed over but counted.
        """
        records = self._records()
        next(records)
        try:
            for number, record in records:
                if isinstance(record, UnreadableRow):
                    yield record
                elif _is_broken(record):
                    yield UnreadableRow(
                        number, "encoding", "The row is not valid UTF-8.", "Save it as UTF-8."
                    )
                else:
                    values = (value.strip() for value in record)
                    yield RawRow(number, dict(zip(self.columns, values, strict=True)))
        except READ_ERRORS as error:
            raise unreadable_catalog(self.name, error) from error

    sample = rows

    def estimate(self) -> int:
        """How many lines there are: more than rows where values hold line ends."""
        return max(self._file.count_lines() - 1, 1)

    def _lines(self) -> Iterator[str]:
        """The lines; of one that is too long only its beginning, a little too long as well."""
        # Bytes that are no text become lone surrogates here and make their own row unreadable,
        # instead of ending the whole catalogue.
        errors = BROKEN if self._encoding == "utf-16" else "surrogateescape"
        with (
            self._file.open() as stream,
            io.TextIOWrapper(stream, self._encoding, errors, newline="") as text,
        ):
            while line := text.readline(MAX_ROW_BYTES + 1):
                yield line
                while len(line) > MAX_ROW_BYTES and not line.endswith(("\n", "\r")):
                    line = text.readline(MAX_ROW_BYTES + 1)
                    if len(line) <= MAX_ROW_BYTES:
                        break

    def _find_delimiter(self, first: str) -> str:
        usual = "," if self._file.suffix == ".csv" else "\t"
        candidates = sorted(_DELIMITERS, key=lambda delimiter: delimiter != usual)

        def width(delimiter: str) -> int:
            try:
                return len(next(csv.reader([first], delimiter=delimiter), ()))
            except csv.Error:
                return 0

        return max(candidates, key=width)

    def _records(self) -> Iterator[tuple[int, list[str] | UnreadableRow]]:
        """The header, then every record with its row number, the header's being 1."""
        lines = _Lines(self._lines())
        reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
        width, number = 0, 0
        while True:
            number += 1
            lines.start_record()
            try:
                record = next(reader)
            except StopIteration:
                return
            except _TooLongError:
                lines.reread_all_but_first()
                yield number, too_long(number)
                continue
            except csv.Error as error:
                # The lines behind the first are read again as rows of their own: a quote that is
                # never closed costs its own row, not all that follow.
                lines.reread_all_but_first()
                yield number, _broken_quotes(number, str(error))
                continue
            if not any(value.strip() for value in record):
                continue
            width = width or len(record)
            if len(record) != width:
                lines.reread_all_but_first()
                yield number, _ragged(number, len(record), width)
            else:
                yield number, record

    def _names(self, header: list[str] | UnreadableRow) -> tuple[str, ...]:
        if isinstance(header, UnreadableRow) or _is_broken(header):
            raise CatalogError(
                f"The first row of {self.name} cannot be read as column names.",
                hint="Save the catalogue as UTF-8 text with a first row that names the columns.",
            )
        if len(header) > MAX_COLUMNS:
            raise too_many_columns(self.name)
        names = tuple(
            name.strip() or f"column_{place}" for place, name in enumerate(header, start=1)
        )
        doubled = [name for name, times in Counter(names).items() if times > 1]
        if doubled:
            raise CatalogError(
                f"{self.name} has more than one column named {', '.join(doubled[:_NAMED])}.",
                hint="Give every column a name of its own.",
            )
        return names


class _TooLongError(Exception):
    """The record that is being read is longer than any row of a catalogue."""


class _Lines:
    """Lines for `csv.reader` that can be given back: those of the record that is being read."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._again: deque[str] = deque()
        self._record: list[str] = []
        self._chars = 0
        self._to_reread = _REREAD_CHARS

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self._record.append(line)
        self._chars += len(line)
        if self._chars > MAX_ROW_BYTES:
            raise _TooLongError
        return line

    def start_record(self) -> None:
        self._record.clear()
        self._chars = 0

    def reread_all_but_first(self) -> None:
        self._to_reread -= self._chars - len(self._record[0])
        if self._to_reread >= 0:
            self._again.extendleft(reversed(self._record[1:]))


def _is_broken(record: list[str]) -> bool:
    text = "".join(record)
    return not text.isascii() and _SURROGATES.search(text) is not None


def _broken_quotes(number: int, error: str) -> UnreadableRow:
    if "field limit" in error:
        error = "a value of more than 131,072 characters, or a quote that is never closed"
    return UnreadableRow(
        number,
        "broken_row",
        f"The quotes of the row cannot be read ({error}).",
        "Close every quoted value, and write a quote inside one twice.",
    )


def _ragged(number: int, found: int, expected: int) -> UnreadableRow:
    return UnreadableRow(
        number,
        "ragged_row",
        f"The row has {found} values, the header {expected}.",
        "Quote values that hold the delimiter or a line end, and write empty values too.",
    )
