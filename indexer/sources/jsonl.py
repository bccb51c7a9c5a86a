"""JSONL files: one JSON object a line."""

import io
import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
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
from search.types import FieldType

JSONL_SUFFIXES = (".jsonl", ".ndjson")

_HEADER_ROWS = 10_000
"""How many rows are looked at for the columns; one that appears later is kept as well."""

_HALF_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
"""Escapes like `\\ud83d`: two of them are one character, and one alone is no text."""

_HINT = "Write one JSON object a line, in UTF-8."


class JsonlSource:
    """A file with one JSON object a line; the keys are the columns."""

    textual = False
    declared: Mapping[str, FieldType | None] = {}

    def __init__(self, catalog: str | Path) -> None:
        self._file = CatalogFile(catalog)
        self.name, self.base = self._file.name, self._file.base
        names: dict[str, None] = {}
        rows = 0
        for row in islice(self.rows(), _HEADER_ROWS):
            rows += 1
            if isinstance(row, RawRow):
                names.update(dict.fromkeys(row.values))
            if len(names) > MAX_COLUMNS:
                raise too_many_columns(self.name)
        if not rows:
            raise empty_catalog(self.name)
        self.columns = tuple(names)

    def rows(self) -> Iterator[RawRow | UnreadableRow]:
        """One row a line; blank lines are passed over but counted."""
        try:
            for number, line in enumerate(self._lines(), start=1):
                content = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
                if len(content) > MAX_ROW_BYTES:
                    yield too_long(number)
                elif content.strip():
                    yield _read(number, content)
        except READ_ERRORS as error:
            raise unreadable_catalog(self.name, error) from error

    sample = rows

    def estimate(self) -> int:
        """How many lines there are."""
        return max(self._file.count_lines(), 1)

    def _lines(self) -> Iterator[bytes]:
        """The lines in UTF-8; of one that is too long only its beginning, too long as well."""
        with self._file.open() as stream:
            mark = stream.read(2)
        if mark in (b"\xff\xfe", b"\xfe\xff"):
            with (
                self._file.open() as stream,
                io.TextIOWrapper(stream, "utf-16", BROKEN, newline="\n") as text,
            ):
                while line := text.readline(MAX_ROW_BYTES + 1):
                    yield line.encode("utf-8", "surrogatepass")
                    while len(line) > MAX_ROW_BYTES and not line.endswith("\n"):
                        line = text.readline(MAX_ROW_BYTES + 1)
            return
        with self._file.open() as stream:
            while part := stream.readline(MAX_ROW_BYTES + 1):
                yield part
                while len(part) > MAX_ROW_BYTES and not part.endswith(b"\n"):
                    part = stream.readline(MAX_ROW_BYTES + 1)


def _read(number: int, line: bytes) -> RawRow | UnreadableRow:
    try:
        values = json.loads(line.decode("utf-8"))
        if _HALF_ESCAPE.search(line):
            json.dumps(values, ensure_ascii=False).encode("utf-8")
    except UnicodeError:
        return UnreadableRow(
            number,
            "encoding",
            "The line holds bytes or escapes that are no text in UTF-8.",
            "Save it as UTF-8, and write \\u escapes of surrogates in pairs.",
        )
    except (ValueError, RecursionError) as error:
        return UnreadableRow(number, "broken_row", f"The line is not JSON: {error}.", _HINT)
    if not isinstance(values, dict):
        return UnreadableRow(number, "broken_row", "The line is not a JSON object.", _HINT)
    if len(values) > MAX_COLUMNS:
        return too_long(number)
    return RawRow(number, values)
