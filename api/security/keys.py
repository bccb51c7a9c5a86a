"""The file of keys and of the page's sessions: a small SQLite database, safe for many processes.

Revoked keys stay in it: the log names them, and a service whose last key was revoked must not take
that for "no keys are wanted".
"""

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from api.security.scopes import Scope
from api.security.tokens import Kind, Token, make_token
from search.errors import ConfigError, NotFoundError

MAX_NAME = 100
"""Characters of a key's name."""

SESSIONS_PER_KEY = 100
"""The newest so many sessions of one key are kept: nobody fills the disk by signing in."""

BUSY_S = 5.0
"""How long a write waits for that of another process."""

READ_BUSY_S = 0.2
"""How long a read does: the service serves nobody meanwhile."""

_LAYOUT = """
CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY, digest BLOB NOT NULL, name TEXT NOT NULL, scope TEXT NOT NULL,
    created TEXT NOT NULL, expires TEXT, revoked TEXT
);
CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY, digest BLOB NOT NULL, key_id TEXT NOT NULL, expires TEXT NOT NULL
);
"""
_KEY_COLUMNS = "id, digest, name, scope, created, expires, revoked"


@dataclass(frozen=True, slots=True)
class Key:
    """What is kept of a key. Times are in UTC."""

    id: str
    digest: bytes = field(repr=False)
    name: str
    scope: Scope
    created: datetime
    expires: datetime | None = None
    revoked: datetime | None = None

    def state(self, now: datetime) -> str:
        """`active`, `revoked` or `expired`."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "active"


@dataclass(frozen=True, slots=True)
class Session:
    """What is kept of a session of the page: it lasts no longer than its key is good."""

    id: str
    digest: bytes = field(repr=False)
    key_id: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class Contents:
    """All that the file says, at one moment."""

    keys: dict[str, Key]
    sessions: dict[str, Session]


class KeyFile:
    """Keys and sessions in a file. Safe to use from several threads and processes."""

    def __init__(self, path: Path) -> None:
        """Nothing is opened yet, and nothing made before the first key is."""
        self.path = path

    def create(self, name: str, scope: Scope, expires: datetime | None = None) -> tuple[str, Key]:
        """A new key: the token, which nobody can show again, and what is kept of it.

        Raises:
            ConfigError: the name is empty or too long, the time is past, or the file cannot be
                written.
        """
        _check(name, expires)
        text, token = make_token(Kind.KEY)
        key = Key(token.id, token.digest, name, scope, now_utc(), expires)
        values = (key.id, key.digest, name, scope.value, _text(key.created), _text(expires), None)
        self._make()
        with self._writing() as database:
            database.execute(f"INSERT INTO keys ({_KEY_COLUMNS}) VALUES (?,?,?,?,?,?,?)", values)
        return text, key

    def revoke(self, id: str) -> Key:
        """Revoke a key, and end its sessions; one that is revoked already stays as it is.

        Raises:
            NotFoundError: there is none of this id.
        """
        if id not in self.read().keys:
            raise NotFoundError(
                f"There is no key {id!r}.",
                hint="vitrine keys list shows the ids of those there are.",
                details={"id": id},
            )
        with self._writing() as database:
            revoke = "UPDATE keys SET revoked = ? WHERE id = ? AND revoked IS NULL"
            database.execute(revoke, (_text(now_utc()), id))
            database.execute("DELETE FROM sessions WHERE key_id = ?", (id,))
        return self.read().keys[id]

    def open_session(self, key: Key, lasts: timedelta) -> tuple[str, Session]:
        """A new session of a key: its token and what is kept of it."""
        text, token = make_token(Kind.SESSION)
        now = now_utc()
        expires = min(now + lasts, key.expires or datetime.max.replace(tzinfo=UTC))
        session = Session(token.id, token.digest, key.id, expires)
        values = (session.id, session.digest, session.key_id, _text(expires))
        with self._writing() as database:
            database.execute("DELETE FROM sessions WHERE expires <= ?", (_text(now),))
            database.execute("INSERT INTO sessions VALUES (?,?,?,?)", values)
            database.execute(
                "DELETE FROM sessions WHERE key_id = ?1 AND rowid NOT IN (SELECT rowid FROM "
                "sessions WHERE key_id = ?1 ORDER BY rowid DESC LIMIT ?2)",
                (key.id, SESSIONS_PER_KEY),
            )
        return text, session

    def close_session(self, token: Token) -> None:
        """End a session, if there is one of this token."""
        with self._writing() as database:
            database.execute(
                "DELETE FROM sessions WHERE id = ? AND digest = ?", (token.id, token.digest)
            )

    def read(self) -> Contents:
        """All that the file says; nothing where there is no file.

        Raises:
            ConfigError: it is no file of keys, or others than its owner may write to it.
        """
        if not self.path.exists():
            return Contents({}, {})
        self._check_mode()
        with self._open("ro", READ_BUSY_S) as database:
            keys = database.execute(f"SELECT {_KEY_COLUMNS} FROM keys ORDER BY created, rowid")
            sessions = database.execute("SELECT id, digest, key_id, expires FROM sessions")
            return Contents(
                {row[0]: _key(row) for row in keys},
                {row[0]: _session(row) for row in sessions},
            )

    def _make(self) -> None:
        """The file, for its owner alone from its first moment."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except OSError as error:
            raise self._unusable(error) from error
        self._check_mode()
        with self._open("rw", BUSY_S) as database:
            database.executescript(_LAYOUT)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it or nothing."""
        with self._open("rw", BUSY_S) as database, database:
            yield database

    @contextmanager
    def _open(self, mode: str, busy_s: float) -> Iterator[sqlite3.Connection]:
        address = f"file:{quote(str(self.path.absolute()))}?mode={mode}"
        try:
            with closing(sqlite3.connect(address, uri=True, timeout=busy_s)) as database:
                yield database
        except (sqlite3.Error, ValueError) as error:
            raise self._unusable(error) from error

    def _check_mode(self) -> None:
        if os.name == "posix" and stat.S_IMODE(self.path.stat().st_mode) & 0o022:
            raise ConfigError(
                f"Others than its owner may write to the file of keys {self.path}.",
                hint=f"chmod 600 {self.path}",
                details={"keys_file": str(self.path)},
            )

    def _unusable(self, error: Exception) -> ConfigError:
        return ConfigError(
            f"The file of keys {self.path} cannot be used: {error}.",
            hint="Name another one in VITRINE_KEYS_FILE, or mend what it says.",
            details={"keys_file": str(self.path)},
        )


def now_utc() -> datetime:
    """Now, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


def _check(name: str, expires: datetime | None) -> None:
    if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
        raise ConfigError(
            f"{name[:MAX_NAME]!r} is no name for a key.",
            hint=f"Say in 1 to {MAX_NAME} printable characters whose it is.",
        )
    if expires is not None and expires <= now_utc():
        raise ConfigError(
            f"The key would have expired at {expires:%Y-%m-%d %H:%M} UTC.",
            hint="Give a time to come, such as 90d.",
        )


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).isoformat(timespec="seconds")


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _key(row: tuple[str, bytes, str, str, str, str | None, str | None]) -> Key:
    id, digest, name, scope, created, expires, revoked = row
    made = datetime.fromisoformat(created)
    return Key(id, digest, name, Scope(scope), made, _time(expires), _time(revoked))


def _session(row: tuple[str, bytes, str, str]) -> Session:
    id, digest, key_id, expires = row
    return Session(id, digest, key_id, datetime.fromisoformat(expires))
