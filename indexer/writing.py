"""What leaves the encoder: to a shard on disk, then to the store, counted when it is there."""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.bulk import Held
from indexer.patience import PatientStore
from indexer.preparing import ColumnsChanged, Ready, Reused
from indexer.report import Failure
from indexer.rows import Row
from indexer.staging import Shards
from indexer.tally import Count, Stage, Tally
from search.encoders.base import Embeddings
from search.errors import ItemInvalidError, StoreError, StoreUnavailableError
from search.store.base import Entity

_LOG = logging.getLogger(__name__)

_SHARDS_AHEAD = 2
"""Shards that may wait for the store; more of them hold back the encoder."""


@dataclass(frozen=True, slots=True)
class Write:
    """An entity on its way, and what it counts as once it is stored. `row` holds no image."""

    row: Row
    entity: Entity
    count: Count
    reused: bool = False

    @classmethod
    def of(cls, change: Ready | Reused, embedding: NDArray[np.float32]) -> "Write":
        """A row with its embedding, `(dim,) float32`."""
        row = change.row.alone()
        entity = Entity(row.item, embedding, change.image_hash, row.row_hash)
        count = Count.UPDATED if change.stored else Count.INDEXED
        return cls(row, entity, count, isinstance(change, Reused))


class Takes(Protocol):
    """What takes entities all together, or refuses one of them: a store, or `indexer.bulk.Held`."""

    def upsert(self, entities: Sequence[Entity]) -> None:
        """As `Store.upsert`."""


def upsert_writes(store: Takes, writes: Sequence[Write]) -> tuple[list[Write], list[Failure]]:
    """Upsert all that the store takes: those that are in it now, and those that it refused."""
    if not writes:
        return [], []
    try:
        store.upsert([write.entity for write in writes])
    except ItemInvalidError as error:
        # The store wrote nothing of it: halve until the item that it refuses stands alone.
        if len(writes) == 1:
            return [], [writes[0].row.failure(error)]
        middle = len(writes) // 2
        stored, failures = upsert_writes(store, writes[:middle])
        more, further = upsert_writes(store, writes[middle:])
        return stored + more, failures + further
    return list(writes), []


def column_writes(
    store: PatientStore, changes: Sequence[ColumnsChanged]
) -> tuple[list[Write], list[Failure]]:
    """Rows with the embeddings that the store has of them already; those that it lost."""
    ids, embeddings = store.embeddings([changed.row.item.id for changed in changes])
    stored = dict(zip(ids, embeddings, strict=True))
    writes, failures = [], []
    for changed in changes:
        row = changed.row.alone()
        if row.item.id in stored:
            entity = Entity(row.item, stored[row.item.id], changed.image_hash, row.row_hash)
            writes.append(Write(row, entity, Count.COLUMNS_UPDATED))
        else:
            failures.append(row.failure(_deleted(row.item.id)))
    return writes, failures


class Writer:
    """Writes into one collection. To be called from one thread; the store is asked in another.

    Embeddings are gathered until they are a shard: `shard_rows`, or what there is after
    `shard_s` seconds. The shard is on disk before the store hears of it. With `held`, which is
    asked in the store's place whether it takes the rows, the store does not hear of it here.
    """

    def __init__(
        self,
        store: PatientStore,
        shards: Shards,
        tally: Tally,
        fail: Callable[[Failure], None],
        *,
        shard_rows: int,
        shard_s: float,
        held: Held | None = None,
    ) -> None:
        self._store, self._shards, self._held = store, shards, held
        self._tally, self._fail = tally, fail
        self._shard_rows, self._shard_s = shard_rows, shard_s
        self._gathered: list[Write] = []
        self._since = time.monotonic()
        self._storing = ThreadPoolExecutor(1, "vitrine-store")
        self._waiting: deque[Future[None]] = deque()
        self._lost = False

    def add(self, changes: Sequence[Ready | Reused], embeddings: Embeddings) -> None:
        """Take rows with their embeddings, `(n, dim) float32` in the order of the rows."""
        if not self._gathered:
            self._since = time.monotonic()
        for change, embedding in zip(changes, embeddings, strict=True):
            self._gathered.append(Write.of(change, embedding))
            if len(self._gathered) >= self._shard_rows:
                self._send()
        self.tick()

    def tick(self) -> None:
        """Send what was gathered `shard_s` seconds ago or more; for when no rows come.

        Raises what the store raised for an earlier shard, if it did meanwhile.
        """
        if self._gathered and time.monotonic() - self._since >= self._shard_s:
            self._send()
        self._take(ahead=_SHARDS_AHEAD)

    def update_columns(self, changes: Sequence[ColumnsChanged]) -> None:
        """Write rows with the embeddings that the store has of them already."""
        self._hand_over(self._storing.submit(self._write_columns, tuple(changes)))

    def finish(self) -> None:
        """Write what was gathered, and return when everything is in the store.

        Of a run that is stopped while the database is away, everything is in shards then.
        """
        if self._gathered:
            self._send()
        self._take(ahead=0)
        if self._tally.stage_rows.store:
            with self._tally.timed(Stage.STORE):
                self._hand_over(self._storing.submit(self._store.flush))
                self._take(ahead=0)
        if self._lost:
            _LOG.warning("The run ends with the database away: the rest is in its shards.")

    def close(self) -> None:
        """Drop what was gathered and wait for the call that runs. Closing twice does nothing."""
        self._storing.shutdown(cancel_futures=True)

    def stage(self) -> list[Write]:
        """Write what was gathered to a shard, and not to the store; what that was."""
        gathered, self._gathered = self._gathered, []
        self._since = time.monotonic()
        if gathered:
            with self._tally.timed(Stage.STAGE):
                self._shards.write([write.entity for write in gathered])
            self._tally.passed(Stage.STAGE, len(gathered))
        return gathered

    def _send(self) -> None:
        self._hand_over(self._storing.submit(self._write, self.stage()))

    def _hand_over(self, future: "Future[None]") -> None:
        self._waiting.append(future)
        self._take(ahead=_SHARDS_AHEAD)

    def _take(self, ahead: int) -> None:
        """Wait until not more than `ahead` calls of the store are under way."""
        while self._waiting and (len(self._waiting) > ahead or self._waiting[0].done()):
            try:
                self._waiting.popleft().result()
            except (StoreError, StoreUnavailableError):
                # A run that is stopped ends for that, and not for a database that was away.
                if not self._store.stop.is_set():
                    raise
                self._lost = True

    def _write_columns(self, changes: Sequence[ColumnsChanged]) -> None:
        with self._tally.timed(Stage.STORE):
            writes, failures = column_writes(self._store, changes)
        for failure in failures:
            self._fail(failure)
        self._write(writes)

    def _write(self, writes: Sequence[Write]) -> None:
        with self._tally.timed(Stage.STORE):
            stored, failures = upsert_writes(self._held or self._store, writes)
            if stored and self._held is None:
                self._store.settle()
        counts = Counter(write.count for write in stored)
        (self._held or self._tally).stored(counts, sum(write.reused for write in stored))
        for failure in failures:
            self._fail(failure)
        if self._held is None:
            self._tally.passed(Stage.STORE, len(stored))


def _deleted(id: str) -> ItemInvalidError:
    return ItemInvalidError(
        f"Item {id!r} was deleted from the collection while it was being indexed.",
        hint="Run the same command again.",
    )
