"""CSV and TSV files: any usual delimiter, quoted line ends, byte order marks, broken rows."""

import csv
import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from pathlib import Path

from indexer.sources.base import (
    RawRow,
    UnreadableRow,
    count_lines,
    empty_catalog,
    unreadable_catalog,
)
from search.errors import CatalogError
from search.types import FieldType

DELIMITED_SUFFIXES = (".csv", ".tsv", ".tab")

_DELIMITERS = (",", "\t", ";", "|")
_SURROGATES = re.compile("[\ud800-\udfff]")
_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class CsvSource:
    """A file of delimited text whose first row names the columns."""

    textual = True
    declared: Mapping[str, FieldType | None] = {}

    def __init__(self, path: Path) -> None:
        self.path = path
        self.base = path.parent
        try:
            with path.open("rb") as stream:
                start = stream.read(4)
            self._encoding = next(
                (name for mark, name in _MARKS if start.startswith(mark)), "utf-8-sig"
            )
            self._delimiter = self._find_delimiter()
            header = next(self._records(), None)
        except (OSError, UnicodeError) as error:
            raise unreadable_catalog(path, error) from error
        if header is None:
            raise empty_catalog(path)
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
        except (OSError, UnicodeError) as error:
            raise unreadable_catalog(self.path, error) from error

    def estimate(self) -> int:
        """How many lines there are: more than rows where values hold line ends."""
        return max(count_lines(self.path) - 1, 1)

    def _lines(self) -> Iterator[str]:
        # Bytes that are no text become lone surrogates here and make their own row unreadable,
        # instead of ending the whole catalogue.
        errors = "strict" if self._encoding == "utf-16" else "surrogateescape"
        with self.path.open(encoding=self._encoding, errors=errors, newline="") as stream:
            yield from stream

    def _find_delimiter(self) -> str:
        first = next((line for line in self._lines() if line.strip()), "")
        usual = "," if self.path.suffix.lower() == ".csv" else "\t"
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
                f"The first row of {self.path} cannot be read as column names.",
                hint="Save the catalogue as UTF-8 text with a first row that names the columns.",
            )
        names = tuple(
            name.strip() or f"column_{place}" for place, name in enumerate(header, start=1)
        )
        doubled = [name for name, times in Counter(names).items() if times > 1]
        if doubled:
            raise CatalogError(
                f"{self.path} has more than one column named {', '.join(doubled)}.",
                hint="Give every column a name of its own.",
            )
        return names


class _Lines:
    """Lines for `csv.reader` that can be given back: those of the record that is being read."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._again: deque[str] = deque()
        self._record: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self._record.append(line)
        return line

    def start_record(self) -> None:
        self._record.clear()

    def reread_all_but_first(self) -> None:
        self._again.extendleft(reversed(self._record[1:]))


def _is_broken(record: list[str]) -> bool:
    text = "".join(record)
    return not text.isascii() and _SURROGATES.search(text) is not None


def _broken_quotes(number: int, error: str) -> UnreadableRow:
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
