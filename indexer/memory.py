"""What is remembered of images from run to run: what they hashed to, and how to ask for changes.

One SQLite file beside the job folders. It only ever saves work: without it, or without a line of
it, an image is read again. So nothing that goes wrong with it ends a run.
"""

import hashlib
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

import structlog

_VERSION = 1
_CACHE_KIB = 16 * 1024
_AT_ONCE = 500
_BUSY_SECONDS = 10.0
_Answer = TypeVar("_Answer")
_log = structlog.stdlib.get_logger("vitrine.memory")


@dataclass(frozen=True, slots=True)
class Known:
    """An image as it was last: what its source said to tell versions apart, and its bytes' hash."""

    validator: str
    image_hash: str


class ImageMemory:
    """What is known of images by address. Safe to use from several threads and processes.

    Takes 16 MiB of memory at most, however many images there are, and about 100 bytes of disk for
    each. What was put is there after the process was killed. A file that cannot be used is
    replaced, and where none can be written, nothing is remembered: the log says so, no error does.

    With `read_only` the file is neither made nor replaced nor written, and nothing is put.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open the file, or make it and its folder."""
        self._path, self._read_only = path, read_only
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        with self._lock:
            self._open_or_replace()

    def __enter__(self) -> "ImageMemory":
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def get(self, addresses: Sequence[str]) -> dict[str, Known]:
        """What is known of those addresses of which something is."""
        found: dict[str, Known] = {}
        remaining = iter(addresses)
        while chunk := list(islice(remaining, _AT_ONCE)):
            select = partial(_select, keys={_key(address): address for address in chunk})
            nothing: dict[str, Known] = {}
            found |= self._guarded(select, nothing)
        return found

    def put(self, known: Mapping[str, Known]) -> None:
        """Remember, instead of what was known of the same addresses before; all or nothing."""
        rows = [(_key(address), one.validator, one.image_hash) for address, one in known.items()]
        if rows and not self._read_only:
            self._guarded(partial(_insert, rows=rows), None)

    def close(self) -> None:
        """Let the file go; what is asked afterwards is not known."""
        with self._lock:
            self._drop()

    def _guarded(
        self, work: Callable[[sqlite3.Connection], _Answer], otherwise: _Answer
    ) -> _Answer:
        """Work on the database; on a broken one the file is replaced, on any error `otherwise`."""
        with self._lock:
            if self._connection is None:
                return otherwise
            try:
                return work(self._connection)
            except sqlite3.OperationalError as error:
                # Locked for long, disk full: this much is not remembered, the rest may be.
                _log.warning("images are not remembered", file=str(self._path), reason=str(error))
            except sqlite3.DatabaseError as error:
                self._replace(error)
            return otherwise

    def _open_or_replace(self) -> None:
        try:
            self._connection = (_open_to_read if self._read_only else _open)(self._path)
        except sqlite3.OperationalError as error:
            self._give_up(error)
        except sqlite3.DatabaseError as error:
            self._replace(error)
        except OSError as error:
            self._give_up(error)

    def _replace(self, error: Exception) -> None:
        if self._read_only:
            self._give_up(error)
            return
        _log.warning("file of known images is replaced", file=str(self._path), reason=str(error))
        self._drop()
        try:
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            self._connection = _open(self._path)
        except (OSError, sqlite3.Error) as again:
            self._give_up(again)

    def _give_up(self, error: Exception) -> None:
        _log.warning("images are not remembered", file=str(self._path), reason=str(error))
        self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute("PRAGMA journal_mode = WAL")
        # Killed processes lose nothing by it; a machine that loses power, its last moments.
        connection.execute("PRAGMA synchronous = NORMAL")
        _check_version(connection, (0, _VERSION))
        connection.execute(
            "CREATE TABLE IF NOT EXISTS images"
            " (address BLOB PRIMARY KEY, validator TEXT NOT NULL, image_hash TEXT NOT NULL)"
            " WITHOUT ROWID"
        )
        connection.execute(f"PRAGMA user_version = {_VERSION}")
        _check_columns(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _open_to_read(path: Path) -> sqlite3.Connection:
    journal = path.with_name(f"{path.name}-wal")
    # Files beside the database that are not there yet would be made, unless SQLite is told that
    # nobody writes. Should somebody begin to, what is read may be wrong: then no more is known.
    unused = not journal.exists() or not journal.stat().st_size
    uri = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if unused else ''}"
    connection = sqlite3.connect(
        uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        _check_version(connection, (_VERSION,))
        _check_columns(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_version(connection: sqlite3.Connection, wanted: Sequence[int]) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version not in wanted:
        raise sqlite3.DatabaseError(f"it has version {version} and not {_VERSION}")


def _check_columns(connection: sqlite3.Connection) -> None:
    columns = [column[1] for column in connection.execute("PRAGMA table_info(images)")]
    if columns != ["address", "validator", "image_hash"]:
        raise sqlite3.DatabaseError("it holds another table of images")


def _select(database: sqlite3.Connection, keys: Mapping[bytes, str]) -> dict[str, Known]:
    marks = ",".join("?" * len(keys))
    rows = database.execute(
        f"SELECT address, validator, image_hash FROM images WHERE address IN ({marks})",
        list(keys),
    )
    return {keys[key]: Known(validator, image_hash) for key, validator, image_hash in rows}


def _insert(database: sqlite3.Connection, rows: Sequence[tuple[bytes, str, str]]) -> None:
    database.execute("BEGIN IMMEDIATE")
    try:
        database.executemany("INSERT OR REPLACE INTO images VALUES (?, ?, ?)", rows)
        database.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            database.execute("ROLLBACK")
        raise


def _key(address: str) -> bytes:
    # Names of files may hold bytes that are no text.
    data = address.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=16).digest()
