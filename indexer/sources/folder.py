"""A folder of images, folders within it included; here or in an object store."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from indexer.fetching.addresses import shown
from indexer.locations import address_of, file_system, is_remote, split_glob, translated
from indexer.sources.base import IMAGE_SUFFIXES, RawRow, UnreadableRow
from search.errors import CatalogError
from search.types import FieldType

_SORTED = 50_000
"""Most entries of one folder that are sorted at once; larger folders come in such pieces."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file or folder: `path` is below the catalogue's folder, with slashes."""

    path: str
    is_folder: bool


class FolderSource:
    """Every image file below a folder, by name: the path below the folder is its id.

    The id keeps the suffix, so that it is unique and stays the same whatever is added beside it.
    Hidden files and folders are left out; links to folders are not followed (they can form rings).
    """

    textual = False
    columns = ("id", "image", "title", "folder")

    def __init__(self, catalog: str | Path, *, matching: bool = False) -> None:
        """`matching`: the catalogue is a glob, and only images that match it belong to it.

        Raises:
            CatalogError: there is no image, or the folder cannot be read.
        """
        address = address_of(catalog).rstrip("/") or "/"
        self.name = str(catalog) if isinstance(catalog, Path) else shown(str(catalog))
        self._pattern = None
        if matching:
            address, self._pattern = split_glob(address)
        self.base = address
        self._listing: _LocalFolder | _RemoteFolder = (
            _RemoteFolder(address) if is_remote(address) else _LocalFolder(address)
        )
        if not any(isinstance(found, str) for found in self._images()):
            raise CatalogError(f"There is no image in {self.name}.", hint=self._cure())

    @property
    def declared(self) -> Mapping[str, FieldType | None]:
        """The columns are ours, and all of them are text."""
        return dict.fromkeys(self.columns, FieldType.STRING)

    def rows(self) -> Iterator[RawRow | UnreadableRow]:
        """One row an image: id, image, title (from the file's name) and folder."""
        for number, found in enumerate(self._images(), start=1):
            if isinstance(found, CatalogError):
                yield UnreadableRow(number, "folder_unreadable", found.message, found.hint or "")
                continue
            path = PurePosixPath(found)
            folder = path.parent.as_posix()
            yield RawRow(
                number,
                {
                    "id": found,
                    "image": found,
                    "title": re.sub(r"[_\-\s]+", " ", path.stem).strip(),
                    "folder": None if folder == "." else folder,
                },
                address=f"{self.base.rstrip('/')}/{found}",
            )

    sample = rows

    def estimate(self) -> int:
        """How many images there are."""
        return sum(1 for _ in self._images())

    def _images(self) -> Iterator[str | CatalogError]:
        """Paths of images below the folder, and the folders below it that cannot be read."""
        open_folders = [self._listing.entries("")]
        while open_folders:
            try:
                entry = next(open_folders[-1], None)
            except CatalogError as error:
                # Of the catalogue itself nothing is left then; of a folder in it, the others are.
                if len(open_folders) == 1:
                    raise
                open_folders.pop()
                yield error
                continue
            if entry is None:
                open_folders.pop()
            elif entry.is_folder:
                open_folders.append(self._listing.entries(entry.path))
            elif PurePosixPath(entry.path).suffix.lower() in IMAGE_SUFFIXES and (
                self._pattern is None or self._pattern.fullmatch(entry.path)
            ):
                yield entry.path

    def _cure(self) -> str:
        forms = {".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".tar"}
        entries = self._listing.entries("")
        found = sorted(
            entry.path
            for entry in islice(entries, _SORTED)
            if PurePosixPath(entry.path).suffix.lower() in forms
        )
        if found:
            path = f"{self.base.rstrip('/')}/{found[0]}"
            return f"To index the catalogue file in it, give its path: {path}."
        return f"Images are files that end in one of {', '.join(sorted(IMAGE_SUFFIXES))}."


class _LocalFolder:
    """A folder of this machine."""

    def __init__(self, path: str) -> None:
        self._path = path

    def entries(self, below: str) -> Iterator[_Entry]:
        """What is in the folder `below`, sorted. Raises CatalogError if it cannot be read."""
        folder = os.path.join(self._path, below)  # noqa: PTH118
        try:
            with os.scandir(folder) as scanned:
                while piece := list(islice(scanned, _SORTED)):
                    entries = [
                        _Entry(f"{below}/{one.name}" if below else one.name, _is_folder(one))
                        for one in piece
                        if not one.name.startswith(".")
                        and (_is_folder(one) or not _leads_to_folder(one))
                    ]
                    del piece
                    yield from sorted(entries, key=lambda entry: entry.path)
        except OSError as error:
            raise CatalogError(
                f"The folder {folder} cannot be read: {error.strerror}.",
                hint="Grant the right to read it, or move it out of the catalogue.",
            ) from error


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    return entry.is_dir(follow_symlinks=False)


def _leads_to_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # A link to itself: as an image, its row says what is wrong.
        return False


class _RemoteFolder:
    """A folder of an object store, through fsspec."""

    def __init__(self, address: str) -> None:
        with translated(address):
            self._system, self._path = file_system(address)
        self._address = address

    def entries(self, below: str) -> Iterator[_Entry]:
        """What is in the folder `below`, sorted. Raises CatalogError if it cannot be read."""
        folder = f"{self._path.rstrip('/')}/{below}".rstrip("/")
        with translated(f"{self._address}/{below}"):
            listed: list[Any] = self._system.ls(folder, detail=True)
        found = []
        for one in listed:
            name = str(one["name"]).rstrip("/").rpartition("/")[2]
            # Object stores may keep an empty object for the folder itself.
            itself = str(one["name"]).strip("/") == folder.strip("/")
            if name and not itself and not name.startswith("."):
                path = f"{below}/{name}" if below else name
                found.append(_Entry(path, one.get("type") == "directory"))
        yield from sorted(found, key=lambda entry: entry.path)
