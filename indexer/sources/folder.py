"""A folder of images, folders within it included."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from indexer.sources.base import RawRow
from search.errors import CatalogError
from search.types import FieldType

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"}
)


class FolderSource:
    """Every image file below a folder, by name: the path below the folder is its id.

    The id keeps the suffix, so that it is unique and stays the same whatever is added beside it.
    Hidden files and folders are left out; links to folders are not followed (they can form rings).
    """

    textual = False
    columns = ("id", "image", "title", "folder")

    def __init__(self, folder: Path) -> None:
        self.path = self.base = folder
        if not any(self._images(folder)):
            raise CatalogError(f"There is no image in {folder}.", hint=self._cure(folder))

    @property
    def declared(self) -> Mapping[str, FieldType | None]:
        """The columns are ours, and all of them are text."""
        return dict.fromkeys(self.columns, FieldType.STRING)

    def rows(self) -> Iterator[RawRow]:
        """One row an image: id, image, title (from the file's name) and folder."""
        for number, path in enumerate(self._images(self.base), start=1):
            relative = path.relative_to(self.base)
            folder = relative.parent.as_posix()
            yield RawRow(
                number,
                {
                    "id": relative.as_posix(),
                    "image": relative.as_posix(),
                    "title": re.sub(r"[_\-\s]+", " ", path.stem).strip(),
                    "folder": None if folder == "." else folder,
                },
            )

    def estimate(self) -> int:
        """How many images there are."""
        return sum(1 for _ in self._images(self.base))

    def _images(self, folder: Path) -> Iterator[Path]:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            raise CatalogError(
                f"The folder {folder} cannot be read: {error.strerror}.",
                hint="Grant the right to read it, or move it out of the catalogue.",
            ) from error
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from self._images(Path(entry.path))
            elif Path(entry.name).suffix.lower() in IMAGE_SUFFIXES and not entry.is_dir():
                yield Path(entry.path)

    @staticmethod
    def _cure(folder: Path) -> str:
        forms = {".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"}
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in forms)
        if found:
            return f"To index the catalogue file in it, give its path: {found[0]}."
        return f"Images are files that end in one of {', '.join(sorted(IMAGE_SUFFIXES))}."
