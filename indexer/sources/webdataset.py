"""Tar shards as webdataset writes them: the files of one sample follow each other, with one name.

    00042.jpg   the image
    00042.json  the columns, if there are any
    00042.txt   the title

Shards are read as streams, one after the other; nothing is ever unpacked to disk.
"""

import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath

from indexer.fetching.addresses import shown
from indexer.locations import address_of, expand, expand_glob, folder_of, has_glob, is_remote
from indexer.sources.base import (
    IMAGE_SUFFIXES,
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

SHARD_SUFFIXES = (".tar", ".tgz")

_SAMPLE_ROWS = 1_000
"""Rows whose columns are looked at; later columns are kept as well."""

_TITLES = ("txt", "text", "caption")
_TEXTS = (*_TITLES, "cls")
_MAX_KEPT = 2**20
_MAX_KEPT_STREAMED = 64 * 2**20
"""Larger images do not travel with their row but are read from the shard again, by their place.

That costs little in a plain file of this machine, and much in a packed or remote one."""


class WebDatasetSource:
    """Samples of one tar shard or of many: `shards-{0000..0012}.tar`, `shards-*.tar`."""

    textual = False
    declared: Mapping[str, FieldType | None] = {}

    def __init__(self, catalog: str | Path) -> None:
        """Find the shards and look at the first rows.

        Raises:
            CatalogError: there is no shard, none can be read, or there is no sample.
        """
        address = address_of(catalog)
        self.name = str(catalog) if isinstance(catalog, Path) else shown(str(catalog))
        self.base = folder_of(address)
        self._shards = [
            shard
            for expanded in expand(address)
            for shard in (expand_glob(expanded) if has_glob(expanded) else [expanded])
        ]
        if not self._shards:
            raise CatalogError(
                f"No file matches {self.name}.", hint="Correct the pattern of the shards."
            )
        # Kept, so that a remote shard is not copied for the sample and once more for the rows.
        self._first = CatalogFile(self._shards[0])
        self._sample = list(islice(self._rows(with_images=False), _SAMPLE_ROWS))
        if not self._sample:
            raise empty_catalog(self.name)
        names: dict[str, None] = {"id": None, "image": None}
        for row in self._sample:
            if isinstance(row, RawRow):
                names.update(dict.fromkeys(row.values))
            if len(names) > MAX_COLUMNS:
                raise too_many_columns(self.name)
        self.columns = tuple(names)

    def rows(self) -> Iterator[RawRow | UnreadableRow]:
        """One row a sample, numbered through all shards, with its image's bytes."""
        return self._rows(with_images=True)

    def sample(self) -> Iterator[RawRow | UnreadableRow]:
        """The first thousand rows, without images."""
        return iter(self._sample)

    def estimate(self) -> int:
        """What the number of shards and the first of them suggest."""
        if len(self._sample) < _SAMPLE_ROWS:
            return len(self._sample)
        try:
            first = sum(1 for _ in self._shard(self._shards[0], with_images=False))
        except CatalogError:
            first = len(self._sample)
        return first * len(self._shards)

    def _rows(self, *, with_images: bool) -> Iterator[RawRow | UnreadableRow]:
        number = 0
        for shard in self._shards:
            for sample in self._shard(shard, with_images=with_images):
                number += 1
                yield (
                    sample.row(number, shard)
                    if isinstance(sample, _Sample)
                    else _at(number, sample)
                )

    def _shard(self, shard: str, *, with_images: bool) -> Iterator["_Sample | UnreadableRow"]:
        sample: _Sample | None = None
        plain = shard.endswith(".tar") and not is_remote(shard)
        keep = (_MAX_KEPT if plain else _MAX_KEPT_STREAMED) if with_images else -1
        try:
            file = self._first if shard == self._shards[0] else CatalogFile(shard)
            with file.open() as stream, _open(stream, packed=file.suffix == ".tgz") as archive:
                while (member := archive.next()) is not None:
                    # It would remember every member that it has read.
                    archive.members.clear()  # type: ignore[attr-defined]
                    refused = _refusal(member)
                    if refused is not None:
                        yield refused
                    if refused is not None or not member.isfile():
                        continue
                    key, _, extension = _split(member.name)
                    if sample is not None and sample.key != key:
                        yield sample
                        sample = None
                    sample = sample or _Sample(key)
                    sample.take(archive, member, extension.lower(), keep=keep)
        except (CatalogError, tarfile.TarError, *READ_ERRORS) as error:
            if sample is not None:
                yield sample
                sample = None
            whole = (
                error
                if isinstance(error, CatalogError)
                else unreadable_catalog(shown(shard), error)
            )
            if len(self._shards) == 1:
                raise whole from error
            yield UnreadableRow(0, "broken_shard", whole.message, whole.hint or "")
        if sample is not None:
            yield sample


@dataclass(slots=True)
class _Sample:
    """The files of one name, as far as they were read."""

    key: str
    values: dict[str, object] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    image: str | None = None
    data: bytes | None = None
    broken: UnreadableRow | None = None

    def take(
        self, archive: tarfile.TarFile, member: tarfile.TarInfo, kind: str, *, keep: int
    ) -> None:
        """Add a file to the sample; the bytes of an image only up to `keep` of them."""
        if f".{kind}" in IMAGE_SUFFIXES:
            if self.image is None:
                self.image = member.name
                if member.size <= keep:
                    self.data = _content(archive, member)
        elif kind == "json" or kind in _TEXTS:
            if member.size > MAX_ROW_BYTES:
                self.broken = too_long(0)
                return
            self._read(kind, _content(archive, member))

    def row(self, number: int, shard: str) -> RawRow | UnreadableRow:
        """The sample as a row of the catalogue."""
        if self.broken is not None:
            return _at(number, self.broken)
        values = {"id": self.key, "image": self.image, **self.texts, **self.values}
        address = f"tar://{self.image}::{shard}" if self.image is not None else None
        return RawRow(number, values, address, self.data)

    def _read(self, kind: str, content: bytes) -> None:
        try:
            text = content.decode("utf-8-sig")
            if kind in _TEXTS:
                self.texts["title" if kind in _TITLES else kind] = text.strip()
                return
            values = json.loads(text)
            json.dumps(values, ensure_ascii=False).encode("utf-8")
        except UnicodeError:
            self._break("encoding", f"{self.key}.{kind} is not valid UTF-8.", "Save it as UTF-8.")
        except (ValueError, RecursionError) as error:
            self._break("broken_row", f"{self.key}.json is not JSON: {error}.", _OBJECT)
        else:
            if not isinstance(values, dict) or len(values) > MAX_COLUMNS:
                self._break("broken_row", f"{self.key}.json is no object of columns.", _OBJECT)
            else:
                self.values = values

    def _break(self, code: str, reason: str, hint: str) -> None:
        self.broken = UnreadableRow(0, code, reason, hint)


_OBJECT = "Write one JSON object, with the columns as its keys."


def _open(stream: object, *, packed: bool) -> tarfile.TarFile:
    mode = "r|gz" if packed else "r|"
    return tarfile.open(fileobj=stream, mode=mode)  # type: ignore[call-overload,no-any-return]


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    content = file.read() if file is not None else b""
    if len(content) < member.size:
        raise tarfile.ReadError(f"{member.name} is cut off")
    return content


def _split(name: str) -> tuple[str, str, str]:
    """Key, dot and extension: the key ends at the first dot of the file's own name."""
    folder, slash, file = name.removeprefix("./").rpartition("/")
    stem, dot, extension = file.partition(".")
    return f"{folder}{slash}{stem}", dot, extension


def _refusal(member: tarfile.TarInfo) -> UnreadableRow | None:
    """Why the member is not read: nothing outside the shard is ever looked at."""
    path = PurePosixPath(member.name)
    shown_name = member.name.encode("utf-8", "backslashreplace").decode("utf-8")[:200]
    if path.is_absolute() or ".." in path.parts:
        reason = f"{shown_name!r} names a place outside the shard."
    elif member.isdir() or member.isfile():
        return None
    else:
        reason = f"{shown_name!r} is a link or a device, not a file."
    return UnreadableRow(
        0, "unsafe_member", reason, "Write the shard with plain files and relative names."
    )


def _at(number: int, row: UnreadableRow) -> UnreadableRow:
    return UnreadableRow(number, row.code, row.reason, row.hint)
