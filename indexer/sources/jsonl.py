"""JSONL files: one JSON object a line."""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from indexer.sources.base import (
    RawRow,
    UnreadableRow,
    count_lines,
    empty_catalog,
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

    def __init__(self, path: Path) -> None:
        self.path = path
        self.base = path.parent
        names: dict[str, None] = {}
        rows = 0
        for row in islice(self.rows(), _HEADER_ROWS):
            rows += 1
            if isinstance(row, RawRow):
                names.update(dict.fromkeys(row.values))
        if not rows:
            raise empty_catalog(path)
        self.columns = tuple(names)

    def rows(self) -> Iterator[RawRow | UnreadableRow]:
        """One row a line; blank lines are passed over but counted."""
        try:
            with self.path.open("rb") as stream:
                for number, line in enumerate(stream, start=1):
                    content = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
                    if content.strip():
                        yield _read(number, content)
        except OSError as error:
            raise unreadable_catalog(self.path, error) from error

    def estimate(self) -> int:
        """How many lines there are."""
        return max(count_lines(self.path), 1)


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
    return RawRow(number, values)
