"""What the indexer asks of a catalogue: rows, one after the other, as often as wanted."""

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, cast

from indexer.fetching.addresses import shown
from indexer.locations import LocalCopy, address_of, folder_of, name_of
from search.errors import CatalogError
from search.types import FieldType

MAX_COLUMNS = 4_096
"""Most columns of a catalogue: more of them are a file of another kind, or a table on its side."""

MAX_ROW_BYTES = 4 * 2**20
"""Longest row of a text file (bytes or characters), so that no file can fill the memory."""

COMPRESSED_SUFFIXES = (".gz", ".bz2", ".xz", ".zst")

READ_ERRORS = (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error)
"""What reading a file raises, broken text and compression included."""

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"}
)


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row as the catalogue has it.

    `number` is where people find it: the row of a spreadsheet (the header is row 1), the line of
    a JSONL file, the position (from 1) in a Parquet file, in tar shards or a folder. `address` is
    where its image is, if the catalogue knows better than the image's column; `data` the image's
    bytes, if they came with the row.
    """

    number: int
    values: Mapping[str, object]
    address: str | None = None
    data: bytes | None = None


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
    def name(self) -> str:
        """The path or address, as messages show it."""

    @property
    def base(self) -> str:
        """The address that relative images start from: a folder, or a URL."""

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

    def sample(self) -> Iterator[RawRow | UnreadableRow]:
        """The first rows, to learn about the columns: maybe not all, and without images' bytes."""

    def estimate(self) -> int:
        """About how many rows there are: for the progress display only."""


class CatalogFile:
    """A catalogue that is one file: where it is, and its bytes, unpacked if they are packed."""

    def __init__(self, catalog: str | Path) -> None:
        """Copy the file if it is remote. Raises CatalogError if it cannot be had."""
        self.address = address_of(catalog)
        self.name = shown(self.address) if self.address != str(catalog) else str(catalog)
        if isinstance(catalog, Path):
            self.name = str(catalog)
        self.base = folder_of(self.address)
        self._copy = LocalCopy(self.address)
        self.path = self._copy.path
        stem, packing = split_suffixes(name_of(self.address))
        self.suffix, self._packing = stem, packing

    def open(self) -> IO[bytes]:
        """The file's bytes from the start. What reading them raises is in `READ_ERRORS`."""
        match self._packing:
            case ".gz":
                return cast(IO[bytes], gzip.open(self.path, "rb"))
            case ".bz2":
                return cast(IO[bytes], bz2.open(self.path, "rb"))
            case ".xz":
                return cast(IO[bytes], lzma.open(self.path, "rb"))
            case ".zst":
                import pyarrow as pa

                packed = pa.input_stream(str(self.path), compression="zstd")
                return cast(IO[bytes], io.BufferedReader(packed))
        return self.path.open("rb")

    def count_lines(self) -> int:
        """How many line ends there are; 1 GB takes about a second. 0 if that cannot be said."""
        try:
            with self.open() as stream:
                return sum(block.count(b"\n") for block in iter(lambda: stream.read(1 << 20), b""))
        except Exception:  # Of a broken file only the display would want to know.
            return 0


def split_suffixes(name: str) -> tuple[str, str]:
    """The suffix that says the form and the one that says the packing, if any: lower case."""
    path = Path(name.lower())
    if path.suffix in COMPRESSED_SUFFIXES:
        return Path(path.stem).suffix, path.suffix
    return path.suffix, ""


def unreadable_catalog(name: str, error: Exception) -> CatalogError:
    """The error for a catalogue that the system or a library cannot read."""
    text = getattr(error, "strerror", None) or str(error)
    reason = text.splitlines()[0] if text else type(error).__name__
    return CatalogError(
        f"{name} cannot be read: {reason.rstrip('.')}.",
        hint="Check that the file is complete, of the form its name says, and readable.",
    )


def empty_catalog(name: str) -> CatalogError:
    """The error for a catalogue without a single row."""
    return CatalogError(f"{name} is empty.", hint="A catalogue has at least one row.")


def too_many_columns(name: str) -> CatalogError:
    """The error for a catalogue that is wider than any table of products."""
    return CatalogError(
        f"{name} has more than {MAX_COLUMNS:,} columns, or a first row of more than 1 MiB.",
        hint="Write one row an item, with its properties as columns; leave out what is not needed.",
    )


def too_long(number: int) -> UnreadableRow:
    """A row that is longer than any row of a catalogue."""
    return UnreadableRow(
        number,
        "too_long",
        f"The row is longer than {MAX_ROW_BYTES // 2**20} MiB, or holds too many values.",
        "Shorten the row; keep images and long texts in files of their own.",
    )


def _mark_broken(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "\udcff", error.end


BROKEN = "vitrine-broken"
"""Handler of decoding errors: each becomes one lone surrogate, which makes its row unreadable."""

codecs.register_error(BROKEN, _mark_broken)
