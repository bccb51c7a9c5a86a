"""A store that may be away for a while: what a long run asks of it is asked again."""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_delay,
    wait_random_exponential,
)

from search.encoders.base import Embeddings
from search.errors import StoreError, StoreUnavailableError, VitrineError
from search.store.base import Entity, Hashes, Store

_LOG = logging.getLogger(__name__)
PATIENCE_S = 180.0
"""How long a run waits for a database that cannot be reached, before it ends.

A server that was killed took 26 to 31 s until its collections were in memory again.
"""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PatientStore:
    """The calls that a run makes on one collection, each repeated while the database is away.

    All of them may be repeated without harm: an upsert writes the same items again.
    """

    store: Store
    collection: str
    patience_s: float = PATIENCE_S
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
        """As `Store.delete`."""
        return self.again(lambda: self.store.delete(self.collection, ids))

    def again(self, call: Callable[[], T]) -> T:
        """Make a call of the store, and make it again while the database is away."""
        for attempt in Retrying(
            retry=retry_if_exception(self._passes),
            stop=stop_after_delay(self.patience_s),
            wait=wait_random_exponential(multiplier=0.5, max=10),
            before_sleep=_say,
            reraise=True,
        ):
            with attempt:
                return call()
        raise AssertionError("reraise=True: the last error has left the loop")

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


def _say(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome is not None else None
    message = error.message if isinstance(error, VitrineError) else error
    _LOG.warning("The database is away, the run waits for it: %s", message)
