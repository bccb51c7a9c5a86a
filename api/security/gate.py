"""Who asks: from a key, a session of the page, or, where no keys were made, anybody.

The file of keys is read again whenever it changed, and at least once a second: a key that was
revoked is refused within that time.
"""

import threading
import time
from dataclasses import dataclass

import structlog
from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from api.security.errors import KeyRefusedError
from api.security.keys import Contents, Key, KeyFile, now_utc
from api.security.scopes import Scope
from api.security.tokens import Kind, Token, matches, read_token
from search.config import Settings
from search.errors import ConfigError

MAX_AGE_S = 1.0
"""How long what was read of the file is taken for true, if the file's status says no other."""

COOKIE = "vitrine_session"
SECURE_COOKIE = f"__Host-{COOKIE}"
"""Over https: browsers take a cookie of such a name from this very host alone."""

_GIVE_ONE = "Send it as 'Authorization: Bearer vk_…'. vitrine keys create makes one."

_log = structlog.stdlib.get_logger("vitrine.security")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and what for at most. Without a key: anybody, where no keys were made."""

    scope: Scope
    key: Key | None = None
    by_cookie: bool = False

    @property
    def name(self) -> str:
        """The key's name; `open` without one."""
        return "open" if self.key is None else self.key.name


class Gate:
    """Tells callers by their keys. Safe to use from several threads."""

    def __init__(self, file: KeyFile, *, required: bool = False) -> None:
        """`required`: refuse everybody without a key, even if none was ever made."""
        self.file = file
        self._required = required
        self._lock = threading.Lock()
        self._contents = Contents({}, {})
        self._read_at = float("-inf")
        self._status: tuple[int, int, int] | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Gate":
        """The gate of a service; a file that was named has to be there and to have keys."""
        return cls(KeyFile(settings.keys_path), required=settings.keys_file is not None)

    @property
    def needs_key(self) -> bool:
        """Whether callers without a key are refused. Once it is so, it stays so.

        Raises:
            ConfigError: the file of keys cannot be read.
        """
        if self._now().keys:
            self._required = True
        return self._required

    def has_active_key(self) -> bool:
        """Whether anybody could come in by a key."""
        now = now_utc()
        return any(key.state(now) == "active" for key in self._now().keys.values())

    def caller(self, headers: Headers) -> Caller:
        """Who sent a request with these headers.

        Raises:
            KeyRefusedError: a key is needed, and there is none or none that is good.
            ConfigError: the file of keys cannot be read.
        """
        if not self.needs_key:
            return Caller(Scope.ADMIN)
        given = headers.getlist("authorization")
        if given:
            return Caller(*_allowed(self._key(bearer_token(given))))
        session = session_token(headers)
        if session is None:
            raise KeyRefusedError("This service wants a key.", hint=_GIVE_ONE)
        return Caller(*_allowed(self._key_of_session(session)), by_cookie=True)

    def _key(self, token: Token) -> Key | None:
        known = self._now().keys.get(token.id)
        return known if matches(token, known.digest if known else None) else None

    def _key_of_session(self, token: Token) -> Key | None:
        contents = self._now()
        known = contents.sessions.get(token.id)
        if not matches(token, known.digest if known else None) or known is None:
            return None
        return contents.keys.get(known.key_id) if known.expires > now_utc() else None

    def _now(self) -> Contents:
        status = self._file_status()
        with self._lock:
            age = time.monotonic() - self._read_at
            if age > MAX_AGE_S or status != self._status:
                self._read(status)
            return self._contents

    def _read(self, status: tuple[int, int, int] | None) -> None:
        try:
            self._contents = self.file.read()
        except ConfigError as error:
            # Never older than a few reads: a file that stays unreadable lets nobody in.
            if time.monotonic() - self._read_at > 5 * MAX_AGE_S:
                raise
            _log.warning("keys are not read again yet", reason=str(error))
            return
        self._read_at, self._status = time.monotonic(), status

    def _file_status(self) -> tuple[int, int, int] | None:
        try:
            found = self.file.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def bearer_token(given: list[str]) -> Token:
    """The key of the `Authorization` headers, by its form; KeyRefusedError if there is none."""
    scheme, _, text = given[0].partition(" ")
    token = read_token(text.strip()) if scheme.lower() == "bearer" and len(given) == 1 else None
    if token is None or token.kind is not Kind.KEY:
        raise KeyRefusedError("That is no key of this service.", hint=_GIVE_ONE)
    return token


def session_token(headers: Headers) -> Token | None:
    """The token of the page's session, if the cookie has one."""
    cookies = cookie_parser(headers.get("cookie", ""))
    token = read_token(cookies.get(SECURE_COOKIE) or cookies.get(COOKIE) or "")
    return token if token is not None and token.kind is Kind.SESSION else None


def _allowed(key: Key | None) -> tuple[Scope, Key]:
    if key is None:
        raise KeyRefusedError("That is no key of this service, or no longer.", hint=_GIVE_ONE)
    state = key.state(now_utc())
    if state != "active":
        # Whoever has the secret may know what became of it.
        raise KeyRefusedError(f"This key has {_BECAME[state]}.", hint="Ask for a new one.")
    return key.scope, key


_BECAME = {"revoked": "been revoked", "expired": "expired"}
