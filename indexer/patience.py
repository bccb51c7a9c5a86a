"""A store that may be away for a while: what a long run asks of it is asked again."""

import logging
import math
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import TypeVar

from search.encoders.base import Embeddings
from search.errors import StoreError, StoreUnavailableError
from search.store.base import Entity, Hashes, Store

_LOG = logging.getLogger(__name__)
PATIENCE_S = 180.0
"""How long a run waits for a database that cannot be reached, before it ends.

A server that was killed took 26 to 31 s until its collections were in memory again.
"""

_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 10.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PatientStore:
    """The calls that a run makes on one collection, each repeated while the database is away.

    All of them may be repeated without harm: an upsert writes the same items again. Once `stop` is
    set nothing is waited for: a call that waits, in whatever thread, raises what it waited out.
    """

    store: Store
    collection: str
    patience_s: float = PATIENCE_S
    stop: threading.Event = field(default_factory=threading.Event)
    _absence: "_Absence" = field(default_factory=lambda: _Absence())

    def hashes(self, ids: Sequence[str]) -> Mapping[str, Hashes]:
        """As `Store.hashes`."""
        return self.again(lambda: self.store.hashes(self.collection, ids))

    def embeddings(self, ids: Sequence[str]) -> tuple[list[str], Embeddings]:
        """As `Store.embeddings`."""
        return self.again(lambda: self.store.embeddings(self.collection, ids))

    def upsert(self, entities: Sequence[Entity]) -> None:
        """As `Store.upsert`."""
        self.again(lambda: self.store.upsert(self.collection, entities))

    def settle(self) -> None:
        """After a shard: flush an embedded database, where a power failure may cost the rest.

        A server keeps what it acknowledged, and limits how often a collection is flushed.
        """
        if self.store.capabilities.embedded:
            self.flush()

    def flush(self) -> None:
        """As `Store.flush`."""
        self.again(lambda: self.store.flush(self.collection))

    def delete(self, ids: Sequence[str]) -> int:
        """As `Store.delete`; the ids must each be there, and come once."""
        attempts = 0

        def delete() -> int:
            nonlocal attempts
            attempts += 1
            return self.store.delete(self.collection, ids)

        deleted = self.again(delete)
        # An attempt that failed may have deleted all the same: the last one counts too few then.
        return deleted if attempts == 1 else len(ids)

    def again(self, call: Callable[[], T]) -> T:
        """Make a call of the store, and make it again while the database is away."""
        ends = time.monotonic() + self.patience_s
        longest = _FIRST_WAIT_S
        while True:
            try:
                return call()
            except (StoreError, StoreUnavailableError) as error:
                if not self._passes(error) or time.monotonic() >= ends:
                    raise
                _LOG.warning("The database is away, the run waits for it: %s", error.message)
                # Cut short by chance, so that several threads do not come back all at once.
                if self.stop.wait(random.uniform(0, longest)):
                    raise
            longest = min(2 * longest, _LONGEST_WAIT_S)

    def _passes(self, error: BaseException) -> bool:
        """Whether waiting may help: a server that is back says strange things for a while."""
        if isinstance(error, StoreUnavailableError):
            self._absence.seen_at = time.monotonic()
            return True
        since = time.monotonic() - self._absence.seen_at
        return isinstance(error, StoreError) and since < self.patience_s


@dataclass(slots=True)
class _Absence:
    """When the database was last away, for all threads of a run."""

    seen_at: float = -math.inf


@contextmanager
def interrupting(stop: threading.Event) -> Iterator[None]:
    """While this is open, Ctrl-C sets `stop` before it raises KeyboardInterrupt.

    The exception alone would come too late: on its way out it meets those who wait for the threads
    that wait for the database. Off the main thread, which no Ctrl-C reaches, nothing is done.
    """
    before = signal.getsignal(signal.SIGINT)

    def interrupt(number: int, frame: FrameType | None) -> None:
        stop.set()
        if callable(before):
            before(number, frame)

    ours = threading.current_thread() is threading.main_thread() and callable(before)
    if ours:
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        if ours and signal.getsignal(signal.SIGINT) is interrupt:
            signal.signal(signal.SIGINT, before)
