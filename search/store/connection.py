"""A connection to Milvus: embedded or a server, with our timeouts, errors and write lock."""

import logging
import re
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from search.errors import StoreUnavailableError
from search.store import embedded
from search.store.translation import translated

if TYPE_CHECKING:
    from pymilvus import MilvusClient

T = TypeVar("T")

CONNECT_SECONDS = 10.0
"""Longest wait for a server to accept a connection: one that is there does so at once."""

NEVER_MS = 2**31 - 1
"""What gRPC takes for "never"."""

SLOW_FACTOR = 4
"""How much longer than one answer the slow calls may take: create, load, flush."""

PATIENCE_S = 0.05
"""How long a reader waits for the end of a write, before it asks Milvus Lite itself."""


class Connection:
    """One client of one database. Calls go through `call`, so that none lacks a timeout."""

    def __init__(
        self, uri: str, *, token: str | None = None, timeout_s: float = 30.0, create: bool = True
    ) -> None:
        """Open a path (embedded) or a URL; see `embedded.acquire` and `translated` for errors."""
        _quieten()
        self._timeout_s = timeout_s
        self._closing = threading.Lock()
        self._database = None if "://" in uri else embedded.acquire(Path(uri), create=create)
        # The address goes into messages: without the user and password that a URL may carry.
        shown = re.sub(r"//[^/@]*@", "//", uri)
        self.address = shown if self._database is None else str(self._database.path)
        url = uri if self._database is None else self._database.url
        self._client: MilvusClient | None = None
        try:
            self._client = self._connect(url, token)
        except BaseException:
            self.close()
            raise

    @property
    def embedded(self) -> bool:
        """Whether this is Milvus Lite in this process."""
        return self._database is not None

    @property
    def path(self) -> Path | None:
        """Where the embedded database lies; None of a server, and once closed."""
        database = self._database
        return None if database is None else database.path

    @property
    def timeout_s(self) -> float:
        """Longest wait for one answer, but of the slow calls."""
        return self._timeout_s

    @property
    def client(self) -> "MilvusClient":
        """The client, to name a method for `call`; StoreUnavailableError once closed."""
        if self._client is None:
            raise StoreUnavailableError(
                f"The connection to {self.address} is closed.", hint="Open the store again."
            )
        return self._client

    def call(
        self, method: Callable[..., T], *args: object, slow: bool = False, **kwargs: object
    ) -> T:
        """Call a method of the client, in bounded time and with errors of ours."""
        timeout = self._timeout_s * SLOW_FACTOR if slow else self._timeout_s
        with translated(self.address):
            return method(*args, timeout=timeout, **kwargs)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold this around whatever changes the database: embedded, one thread at a time may."""
        database = self._database
        if database is None:
            yield
            return
        with database.lock:
            try:
                yield
            finally:
                database.remembered.forget()

    @contextmanager
    def not_writing(self) -> Iterator[bool]:
        """Keep writers of an embedded database away; False if one is at work, and stays so."""
        database = self._database
        quiet = database is not None and database.lock.acquire(timeout=PATIENCE_S)
        try:
            yield quiet
        finally:
            if database is not None and quiet:
                database.lock.release()

    def remembered(self, key: Hashable, read: Callable[[], T]) -> T:
        """What is read, at most once between two writes to an embedded database.

        Until a write has ended, what was read before holds: nobody was told of it yet. A server is
        asked every time, as others write to it as well.
        """
        database = self._database
        return read() if database is None else database.remembered.get(key, read)

    def close(self) -> None:
        """Close the client and give the embedded database back; a second time does nothing."""
        with self._closing:
            client, self._client = self._client, None
            database, self._database = self._database, None
        if client is not None:
            client.close()
        if database is not None:
            embedded.release(database)

    def _connect(self, url: str, token: str | None) -> "MilvusClient":
        from pymilvus import MilvusClient

        # pymilvus asks every ten seconds whether the server is there: too often for the embedded
        # one, which then hangs up and has gRPC complain on stderr. It is in this process anyway.
        options = {"grpc.keepalive_time_ms": NEVER_MS} if self.embedded else {}
        timeout = min(self._timeout_s, CONNECT_SECONDS)
        with translated(self.address):
            # A connection of its own: shared ones outlive an embedded server, whose port is reused.
            return MilvusClient(
                url, token=token or "", timeout=timeout, dedicated=True, grpc_options=options
            )


def _quieten() -> None:
    """Both libraries log a traceback for every error that they also raise: ours says it better."""
    import pymilvus  # Sets the level of its logger when it is imported: so import it before.

    for name in (pymilvus.__name__, "milvus_lite"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
