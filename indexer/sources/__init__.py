"""Catalogues in the forms that people keep them in, all read lazily into the same raw rows."""

from pathlib import Path

from indexer.fetching.addresses import WEB_SCHEMES, scheme_of, shown
from indexer.locations import address_of, file_system, has_glob, is_remote, name_of, translated
from indexer.sources.base import IMAGE_SUFFIXES, RawRow, Source, UnreadableRow, split_suffixes
from indexer.sources.csv import DELIMITED_SUFFIXES, CsvSource
from indexer.sources.folder import FolderSource
from indexer.sources.jsonl import JSONL_SUFFIXES, JsonlSource
from indexer.sources.parquet import PARQUET_SUFFIXES, ParquetSource
from indexer.sources.webdataset import SHARD_SUFFIXES, WebDatasetSource
from search.errors import CatalogError

__all__ = ["RawRow", "Source", "UnreadableRow", "open_source"]

_FORMS = "a folder of images, a CSV, TSV, JSONL or Parquet file, or tar shards"
_KNOWN = (*DELIMITED_SUFFIXES, *JSONL_SUFFIXES, *PARQUET_SUFFIXES, *SHARD_SUFFIXES)


def open_source(catalog: str | Path) -> Source:
    """The catalogue at a path or an address (`https://`, `s3://`, `gs://`).

    A folder is a catalogue of the images in it, a glob (`photos/**/*.jpg`) of those that match.
    Braces and globs name several tar shards. Remote files are copied to a temporary file, which
    goes with the source.

    Raises:
        CatalogError: there is nothing at the address or it may not be read, its form is not
            known, it cannot be read, or it holds no row.
    """
    address = address_of(catalog)
    if "\0" in address:
        raise CatalogError("The catalogue's path holds a NUL.", hint="Correct the path.")
    suffix, packing = split_suffixes(name_of(address))
    shown_as = str(catalog) if isinstance(catalog, Path) else shown(str(catalog))
    exists = not is_remote(address) and Path(address).exists()
    if not exists and suffix in SHARD_SUFFIXES:
        if not is_remote(address) and not has_glob(address) and "{" not in address:
            raise _missing(shown_as)
        return WebDatasetSource(catalog)
    if not exists and has_glob(address):
        if suffix in _KNOWN:
            raise CatalogError(
                f"{shown_as} names several files.", hint="Give one file; only tar shards are many."
            )
        return FolderSource(catalog, matching=True)
    if _is_folder(address, suffix):
        return FolderSource(catalog)
    if not exists and not is_remote(address):
        raise _missing(shown_as)
    if suffix in SHARD_SUFFIXES:
        return WebDatasetSource(catalog)
    if suffix in DELIMITED_SUFFIXES:
        return CsvSource(catalog)
    if suffix in JSONL_SUFFIXES:
        return JsonlSource(catalog)
    if suffix in PARQUET_SUFFIXES and not packing:
        return ParquetSource(catalog)
    raise _unknown(shown_as, suffix)


def _is_folder(address: str, suffix: str) -> bool:
    """Whether the catalogue is a folder; only object stores are asked, web servers have none."""
    if not is_remote(address):
        return Path(address).is_dir()
    if suffix in _KNOWN or suffix in IMAGE_SUFFIXES or scheme_of(address) in WEB_SCHEMES:
        return False
    with translated(address):
        system, path = file_system(address)
        return bool(system.isdir(path))


def _missing(shown_as: str) -> CatalogError:
    return CatalogError(f"There is no catalogue at {shown_as}.", hint=f"Give {_FORMS}.")


def _unknown(shown_as: str, suffix: str) -> CatalogError:
    return CatalogError(
        f"{shown_as} is of no form that can be read ({suffix or 'no suffix'}).",
        hint=f"Give a folder of images or a file that ends in one of {', '.join(_KNOWN)}.",
    )
