"""Catalogues in the forms that people keep them in, all read lazily into the same raw rows."""

from pathlib import Path

from indexer.sources.base import RawRow, Source, UnreadableRow
from indexer.sources.csv import DELIMITED_SUFFIXES, CsvSource
from indexer.sources.folder import FolderSource
from indexer.sources.jsonl import JSONL_SUFFIXES, JsonlSource
from indexer.sources.parquet import PARQUET_SUFFIXES, ParquetSource
from search.errors import CatalogError

__all__ = ["RawRow", "Source", "UnreadableRow", "open_source"]


def open_source(catalog: Path) -> Source:
    """The catalogue at that path; a folder is a catalogue of the images in it.

    Raises:
        CatalogError: there is nothing at the path, its form is not known, it cannot be read, or
            it holds no row.
    """
    if catalog.is_dir():
        return FolderSource(catalog)
    if not catalog.exists():
        raise CatalogError(
            f"There is no catalogue at {catalog}.",
            hint="Give a folder of images, or a CSV, TSV, JSONL or Parquet file.",
        )
    suffix = catalog.suffix.lower()
    if suffix in DELIMITED_SUFFIXES:
        return CsvSource(catalog)
    if suffix in JSONL_SUFFIXES:
        return JsonlSource(catalog)
    if suffix in PARQUET_SUFFIXES:
        return ParquetSource(catalog)
    known = ", ".join([*DELIMITED_SUFFIXES, *JSONL_SUFFIXES, *PARQUET_SUFFIXES])
    raise CatalogError(
        f"{catalog} is of no form that can be read ({suffix or 'no suffix'}).",
        hint=f"Give a folder of images or a file that ends in one of {known}.",
    )
