"""What the indexer asks of a catalogue: rows, one after the other, as often as wanted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from search.errors import CatalogError
from search.types import FieldType


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row as the catalogue has it.

    `number` is where people find it: the row of a spreadsheet (the header is row 1), the line of
    a JSONL file, the position (from 1) in a Parquet file or a folder.
    """

    number: int
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """A row that is there but cannot be taken apart; `code` is stable and meant for programs."""

    number: int
    code: str
    reason: str
    hint: str


class Source(Protocol):
    """A catalogue that can be read from its start again and again, never whole in memory."""

    @property
    def path(self) -> Path:
        """The file or folder, as it was given."""

    @property
    def base(self) -> Path:
        """The folder that relative image paths start from."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns, in the catalogue's order."""

    @property
    def textual(self) -> bool:
        """Whether every value is text, so that types have to be read from how the text looks."""

    @property
    def declared(self) -> Mapping[str, FieldType | None]:
        """Columns whose types the catalogue states; None: a type that no field can have."""

    def rows(self) -> Iterator[RawRow | UnreadableRow]:
        """The rows in order. Raises CatalogError when the rest cannot be read at all."""

    def estimate(self) -> int:
        """About how many rows there are: for the progress display only."""


def unreadable_catalog(path: Path, error: Exception) -> CatalogError:
    """The error for a catalogue that the system or a library cannot read."""
    reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
    return CatalogError(
        f"{path} cannot be read: {reason}.",
        hint="Check that the file is complete, of the form its name says, and readable.",
    )


def empty_catalog(path: Path) -> CatalogError:
    """The error for a catalogue without a single row."""
    return CatalogError(f"{path} is empty.", hint="A catalogue has at least one row.")


def count_lines(path: Path) -> int:
    """How many line ends a file has; 1 GB takes about a second."""
    with path.open("rb") as stream:
        return sum(block.count(b"\n") for block in iter(lambda: stream.read(1 << 20), b""))
