"""Where the files of bulk imports lie: what this process writes and the server's storage reads."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from indexer.fetching.addresses import local_path, scheme_of, shown
from indexer.job import is_alive, read_json
from indexer.locations import address_of, file_system
from indexer.shard_folder import WITHOUT_FOLDERS, as_os_error
from search.errors import ConfigError, UnavailableError

NAMED = "bulk_import"
"""What a job's manifest calls the folder."""


@dataclass(frozen=True, slots=True)
class ImportFiles:
    """The folder of one job's files: an absolute path, or an address such as `s3://bucket/x`.

    Every method but `below` raises OSError, whatever the file system raises.
    """

    address: str

    @classmethod
    def below(cls, place: str, name: str) -> "ImportFiles":
        """The folder of that name below a place that jobs share.

        Raises:
            ConfigError: no server's storage can be there.
        """
        address = address_of(place).rstrip("/")
        scheme = scheme_of(address)
        if "::" in address or (scheme and scheme not in WITHOUT_FOLDERS | {"file"}):
            raise ConfigError(
                f"A Milvus server cannot import from {shown(place)}.",
                hint="Give a folder of its local storage, or the address of its bucket: "
                "s3://bucket/imports.",
            )
        return cls(f"{local_path(address) or address}/{name}")

    @property
    def shown(self) -> str:
        """The address as messages may have it."""
        return shown(self.address)

    def for_server(self, name: str) -> str:
        """How the server finds a file: by its path, or by its key in the bucket."""
        with as_os_error(self.address):
            _, folder = file_system(self.address)
        path = f"{folder}/{name}"
        return path if local_path(self.address) is not None else path.partition("/")[2]

    @contextmanager
    def writing(self, name: str) -> Iterator[IO[bytes]]:
        """A file, to be written from its beginning to its end."""
        with as_os_error(self.address):
            system, folder = file_system(self.address)
            if scheme_of(self.address) not in WITHOUT_FOLDERS:
                system.makedirs(folder, exist_ok=True)
            with system.open(f"{folder}/{name}", "wb") as stream:
                yield stream

    def remove(self) -> None:
        """Remove the folder with all its files; nothing happens if there is none."""
        with as_os_error(self.address), suppress(FileNotFoundError):
            system, folder = file_system(self.address)
            system.rm(folder, recursive=True)

    def probe(self) -> None:
        """See that files can be written and removed.

        Raises:
            UnavailableError: they cannot.
        """
        try:
            with self.writing("probe") as stream:
                stream.write(b"vitrine")
            self.remove()
        except OSError as error:
            raise UnavailableError(
                f"Nothing can be written to {self.shown}, where files for the bulk import should "
                f"go: {error}.",
                hint="See that it exists and that this process has the right to write there, or "
                "leave out --bulk-import (VITRINE_BULK_IMPORT): rows are then upserted.",
            ) from error


def clear_left_behind(job_dir: Path) -> None:
    """Remove the files of jobs that were killed, as far as they can be removed."""
    for path in job_dir.glob("*/manifest.json"):
        address = read_json(path).get(NAMED)
        ended = read_json(path.with_name("report.json")).get("status") == "done"
        if isinstance(address, str) and not ended and not is_alive(path.parent):
            with suppress(OSError):
                ImportFiles(address).remove()
