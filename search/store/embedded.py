"""Embedded databases (Milvus Lite) that this process has open.

A database is a folder that one process may open at a time. Within the process all stores of one
path share it: it is opened once and let go when the last of them closes.
"""

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

from search.errors import ConfigError, DatabaseLockedError, StoreUnavailableError, VitrineError

T = TypeVar("T")


class Remembered:
    """What was read of a database and holds until the next write. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[Hashable, object] = {}
        self._writes = 0

    def get(self, key: Hashable, read: Callable[[], T]) -> T:
        """What is kept under the key, or is read now; None is not kept."""
        with self._lock:
            if key in self._kept:
                return cast(T, self._kept[key])
            writes = self._writes
        found = read()
        with self._lock:
            # What was read while somebody wrote may be older than that.
            if found is not None and writes == self._writes:
                self._kept[key] = found
        return found

    def forget(self) -> None:
        """Something was written."""
        with self._lock:
            self._kept.clear()
            self._writes += 1


@dataclass
class Embedded:
    """An open database: where it answers, and the lock that every write must hold.

    Milvus Lite loses acknowledged rows when two threads write to it at once, so the lock belongs
    to the database and not to a store; so does what was remembered of it.
    """

    path: Path
    url: str
    lock: threading.RLock
    remembered: Remembered = field(default_factory=Remembered)
    users: int = 0


_open: dict[Path, Embedded] = {}
_registry = threading.Lock()


def acquire(path: Path, *, create: bool) -> Embedded:
    """Open the database, or share it when this process already has it open.

    Raises:
        DatabaseLockedError: another process has it open.
        ConfigError: the path cannot be a database.
        StoreUnavailableError: there is none and `create` is false, or it cannot be opened.
    """
    path = path.expanduser().resolve()
    with _registry:
        if path not in _open:
            _open[path] = Embedded(path, _start(path, create), threading.RLock())
        _open[path].users += 1
        return _open[path]


def release(database: Embedded) -> None:
    """Give back what `acquire` returned; the last one out unlocks the folder."""
    from milvus_lite.server_manager import server_manager_instance

    with _registry:
        database.users -= 1
        if database.users == 0:
            del _open[database.path]
            # Closing the client leaves the folder locked: only this lets another process in.
            server_manager_instance.release_server(str(database.path))


def _start(path: Path, create: bool) -> str:
    try:
        from milvus_lite.server_manager import server_manager_instance
    except ImportError as error:
        raise StoreUnavailableError(
            "Embedded databases need Milvus Lite, which is not installed.",
            hint="pip install milvus-lite, or give the URL of a Milvus server.",
        ) from error
    try:
        _check(path, create)
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{path} cannot be a database: {error.strerror}.") from error
    url = server_manager_instance.start_and_get_uri(str(path))
    if url is None:
        raise _why_not(path)
    return str(url)


def _check(path: Path, create: bool) -> None:
    """Refuse what is no database, so that nothing is written beside the files of others."""
    if path.is_file():
        raise ConfigError(
            f"{path} is a file; an embedded database is a folder.",
            hint="Choose another path, such as .vitrine/vitrine.db.",
        )
    if path.is_dir() and any(path.iterdir()):
        if not _is_database(path):
            raise ConfigError(
                f"{path} is a folder with other things in it, not a database.",
                hint="Choose a path of its own, such as .vitrine/vitrine.db.",
                details={"path": str(path)},
            )
    elif not create:
        raise StoreUnavailableError(
            f"There is no database at {path}.",
            hint="Index a catalogue into it first: vitrine index. Or name another with --db.",
            details={"path": str(path)},
        )


def _is_database(folder: Path) -> bool:
    """Whether Milvus Lite made the folder; a copy may lack the lock, an old one the databases."""
    made = (folder / "LOCK").is_file() or (folder / "databases").is_dir()
    return made and (folder / "collections").is_dir()


def _why_not(path: Path) -> VitrineError:
    """Milvus Lite only says that it could not: open the folder directly to learn why."""
    from milvus_lite.db import MilvusLite
    from milvus_lite.exceptions import DataDirLockedError

    try:
        MilvusLite(str(path)).close()
    except DataDirLockedError:
        return DatabaseLockedError(
            f"Another process has the database {path} open.",
            hint="If that is vitrine serve, ask it: give search, similar, index and collections "
            "--server http://127.0.0.1:8000 (its address). Else wait for it, or close it.",
            details={"path": str(path)},
        )
    except Exception as error:  # Whatever it is, the database does not open, and this is why.
        return StoreUnavailableError(
            f"The database {path} cannot be opened: {error}",
            details={"path": str(path)},
        )
    return StoreUnavailableError(f"The database {path} could not be opened.", hint="Try again.")
