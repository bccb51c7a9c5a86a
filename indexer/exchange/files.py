"""Files wherever they are, read as streams and written whole or not at all.

An address is a path, or a URL that fsspec knows (`s3://bucket/shop.parquet`).
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

from search.errors import CatalogError, ConfigError, UnavailableError


def is_remote(address: str) -> bool:
    """Whether the address is a URL."""
    return "://" in address


@contextmanager
def reading(address: str) -> Iterator[IO[bytes]]:
    """The file, open for reading, with seeking.

    Raises:
        CatalogError: it is not there, or cannot be read.
        ConfigError: a kind of address that this installation cannot open.
    """
    with _opened(address) as stream:
        yield stream


def _opened(address: str) -> IO[bytes]:
    try:
        if not is_remote(address):
            return Path(address).open("rb")
        system, path = _system(address)
        return cast(IO[bytes], system.open(path, "rb"))
    except ConfigError:
        raise
    except Exception as error:  # Every file system has errors of its own.
        raise CatalogError(
            f"{address} cannot be read: {_reason(error)}.",
            hint="Check that it is there and may be read.",
        ) from error


@contextmanager
def written_whole(address: str) -> Iterator[IO[bytes]]:
    """A stream for the file, which appears under its name when the block ends without an error.

    Raises:
        UnavailableError: it cannot be written: no room, no right, no such bucket.
        ConfigError: a kind of address that this installation cannot open.
    """
    with _local(Path(address)) if not is_remote(address) else _remote(address) as stream:
        yield stream


@contextmanager
def _local(target: Path) -> Iterator[IO[bytes]]:
    draft = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("w+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(target)
    except OSError as error:
        raise unwritable(str(target), error) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


@contextmanager
def _remote(address: str) -> Iterator[IO[bytes]]:
    system, path = _system(address)
    # Written here first: of what is streamed, some file systems show a part when it breaks off.
    with tempfile.TemporaryDirectory(prefix="vitrine-") as folder:
        draft = Path(folder) / "draft"
        try:
            with draft.open("w+b") as stream:
                yield stream
        except OSError as error:
            raise unwritable(str(draft), error) from error
        try:
            system.makedirs(system._parent(path), exist_ok=True)
            system.put_file(str(draft), path)
        except Exception as error:  # Every file system has errors of its own.
            raise unwritable(address, error) from error


def unwritable(address: str, error: Exception) -> UnavailableError:
    """The error for a file that cannot be written."""
    return UnavailableError(
        f"{address} cannot be written: {_reason(error)}.",
        hint="Free some space or grant the right to write, or choose another place.",
    )


def _system(address: str) -> tuple[Any, str]:
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise ConfigError(
            f"{address} cannot be opened: {_reason(error)}.",
            hint="Install the package that fsspec needs for it, or copy the file here.",
        ) from error
    return system, path


def _reason(error: Exception) -> str:
    said = getattr(error, "strerror", None) or " ".join(str(error).split())
    return str(said or type(error).__name__).rstrip(".")[:300]
