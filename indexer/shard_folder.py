"""Where a job's shards are: in its folder, or at an address that fsspec reads and writes."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from indexer.fetching.addresses import local_path, scheme_of, shown
from indexer.job import read_json
from indexer.locations import address_of, file_system
from search.errors import ConfigError, UnavailableError, VitrineError

SHARDS = "shards"
_SUFFIX = ".parquet"
_MARK = "begun"
_WEB = frozenset({"http", "https"})
WITHOUT_FOLDERS = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oci", "oss"})
"""Object stores: a folder need not be made, and asking for one might make a bucket."""


def open_shard(address: str) -> IO[bytes]:
    """A shard, to be read in parts. Raises OSError, whatever the file system raised."""
    path = local_path(address)
    if path is not None:
        return path.open("rb")
    with as_os_error(address):
        system, name = file_system(address)
        found: IO[bytes] = system.open(name, "rb", cache_type="none")
        return found


@dataclass(frozen=True, slots=True)
class ShardFolder:
    """The folder of one job's shards: an absolute path, or an address. May be sent to workers.

    A file appears under its name when it is whole: by renaming on this machine, by the store itself
    in object stores. Where a file system promises neither, a shard that was cut off lacks its end,
    in which Parquet keeps what the file holds, and is not used.
    """

    address: str

    @classmethod
    def of_job(cls, job: Path) -> "ShardFolder":
        """Where the job of that folder has its shards, as its manifest says."""
        said = read_json(job / "manifest.json").get(SHARDS)
        return cls(said if isinstance(said, str) else str((job / SHARDS).absolute()))

    @classmethod
    def below(cls, place: str, job: Path) -> "ShardFolder":
        """For the shards of a job: its name, below a folder or address that it shares with others.

        Raises:
            ConfigError: nothing can be written at such an address.
        """
        address = address_of(place).rstrip("/")
        if scheme_of(address) in _WEB or "::" in address:
            raise ConfigError(
                f"Shards cannot be written to {shown(place)}.",
                hint="Give a folder, or an address such as s3://bucket/folder.",
            )
        return cls(f"{address}/{job.name}")

    @property
    def path(self) -> Path | None:
        """The folder, if it is one of this machine."""
        return local_path(self.address)

    @property
    def shown(self) -> str:
        """The address as messages may have it."""
        return shown(self.address)

    def write(self, name: str, data: bytes) -> str:
        """Write the shard of that name; when this returns it is kept. Its address.

        Raises:
            OSError: it cannot be written.
        """
        self._write(f"{name}{_SUFFIX}", data)
        return f"{self.address}/{name}{_SUFFIX}"

    def shards(self) -> list[str]:
        """The addresses of the complete shards, in the order in which they were written.

        Raises:
            UnavailableError: the address cannot be asked; then it is not known what there is.
        """
        if self.path is not None:
            return sorted(str(shard) for shard in self.path.glob(f"*{_SUFFIX}"))
        try:
            with as_os_error(self.address):
                system, folder = file_system(self.address)
                names = [str(found).rpartition("/")[2] for found in system.ls(folder, detail=False)]
        except FileNotFoundError:
            return []  # Of a run that was killed before its first shard.
        except OSError as error:
            raise UnavailableError(
                f"The shards at {self.shown} cannot be listed: {error}.",
                hint="See that the address can be reached with the credentials that this process "
                "has. To embed anew what they hold, remove the folder of that job.",
            ) from error
        return [f"{self.address}/{name}" for name in sorted(names) if name.endswith(_SUFFIX)]

    def begin(self) -> None:
        """Leave a mark, by which others know that they look at the same folder.

        Raises:
            UnavailableError: nothing can be written there.
        """
        try:
            if self.path is not None:
                self.path.mkdir(parents=True, exist_ok=True)
            self._write(_MARK, b"")
        except OSError as error:
            raise UnavailableError(
                f"Nothing can be written to {self.shown}: {error}.",
                hint="See that it exists and that this process has the right to write there.",
            ) from error

    def problem(self) -> str | None:
        """Why whoever asks cannot write shards there, after `begin`; None if nothing is wrong."""
        try:
            with as_os_error(self.address):
                if self.path is not None:
                    found = (self.path / _MARK).exists()
                else:
                    system, folder = file_system(self.address)
                    found = bool(system.exists(f"{folder}/{_MARK}"))
            if not found:
                return "it is another folder there, or none"
            self._write(_MARK, b"")
        except OSError as error:
            return str(error)
        return None

    def _write(self, name: str, data: bytes) -> None:
        if self.path is not None:
            _write_file(self.path / name, data)
            return
        with as_os_error(self.address):
            system, folder = file_system(self.address)
            if scheme_of(self.address) not in WITHOUT_FOLDERS:
                system.makedirs(folder, exist_ok=True)
            system.pipe_file(f"{folder}/{name}", data)


def _write_file(path: Path, data: bytes) -> None:
    """Whole or not at all, and on disk."""
    path.parent.mkdir(exist_ok=True)
    # Several processes may be at the same file, where one was given up too early.
    draft = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with draft.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    draft.replace(path)


@contextmanager
def as_os_error(address: str) -> Iterator[None]:
    """Raise OSError for whatever a file system raises inside; of vitrine's own errors, those."""
    try:
        yield
    except (OSError, VitrineError):
        raise
    except ImportError as error:
        raise OSError(f"it needs another package ({error})") from error
    except Exception as error:  # Every file system has errors of its own.
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise OSError(said.replace(address, shown(address))) from error
