"""Which ids a catalogue has had so far: on disk, so that memory does not grow with it."""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from search.errors import UnavailableError

UNCLAIMED = 0
_CACHE_KIB = 8 * 1024
_AT_ONCE = 500
_CLAIM = f"""
INSERT INTO seen VALUES (?, ?)
ON CONFLICT (key) DO UPDATE SET number = excluded.number WHERE number = {UNCLAIMED}
"""


def key_of(id: str) -> bytes:
    """What stands for an id: 16 bytes. Raises UnicodeEncodeError for what is no text."""
    return hashlib.blake2b(id.encode("utf-8"), digest_size=16).digest()


class SeenIds:
    """The ids of one pass through a catalogue, each with the row that had it first.

    A SQLite file that is deleted at the end: 8 MB of memory and some 30 bytes of disk an id. To
    be used from one thread at a time.
    """

    def __init__(self, path: Path) -> None:
        """Make the file. Raises UnavailableError if it cannot be made."""
        self._path = path
        path.unlink(missing_ok=True)
        try:
            # The rows are read in one thread, and what is missing is asked for in another, later.
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            # Nothing of it outlives the run, so nothing of it needs to survive a crash.
            self._db.executescript(
                f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-{_CACHE_KIB};"
                "PRAGMA locking_mode=EXCLUSIVE;"
                "CREATE TABLE seen (key BLOB PRIMARY KEY, number INTEGER) WITHOUT ROWID;"
                "BEGIN"
            )
        except sqlite3.Error as error:
            raise _unwritable(path, error) from error

    def claim(self, key: bytes, number: int) -> int:
        """The number of the row that has the key: `number`, unless another had it before.

        `UNCLAIMED` as number says that the id is there, on a row that cannot be used: a later row
        may still claim it, and it is not missing.
        """
        return self.claim_all([(key, number)])[0]

    def claim_all(self, claims: Sequence[tuple[bytes, int]]) -> list[int]:
        """`claim` for many, in order; of several with one key the first wins."""
        try:
            self._db.executemany(_CLAIM, claims)
            found: dict[bytes, int] = {}
            for at in range(0, len(claims), _AT_ONCE):
                keys = [key for key, _ in claims[at : at + _AT_ONCE]]
                found |= self._select("key, number", keys)
        except sqlite3.Error as error:
            raise _unwritable(self._path, error) from error
        return [found[key] for key, _ in claims]

    def missing(self, ids: Iterable[str]) -> Iterator[str]:
        """Those of the ids that no row had, in the order in which they are given."""
        remaining = iter(ids)
        while chunk := list(islice(remaining, _AT_ONCE)):
            keys = {id: key_of(id) for id in chunk}
            found = self._select("key, number", list(keys.values()))
            yield from (id for id in chunk if keys[id] not in found)

    def close(self) -> None:
        """Delete the file. Closing twice does nothing."""
        self._db.close()
        self._path.unlink(missing_ok=True)

    def __enter__(self) -> "SeenIds":
        """Use it in a `with`, which closes it."""
        return self

    def __exit__(self, *raised: object) -> None:
        """Delete the file."""
        self.close()

    def _select(self, columns: str, keys: Sequence[bytes]) -> dict[bytes, int]:
        marks = ",".join("?" * len(keys))
        asked = f"SELECT {columns} FROM seen WHERE key IN ({marks})"
        return dict(self._db.execute(asked, keys))


def _unwritable(path: Path, error: sqlite3.Error) -> UnavailableError:
    return UnavailableError(
        f"The list of ids {path} cannot be written: {error}.",
        hint="Free some space, or choose another --job-dir, and run the same command again.",
    )
