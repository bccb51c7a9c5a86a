"""What goes into the store, counted when it is there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from indexer.preparing import ColumnsChanged, Ready
from indexer.report import Failure
from indexer.tally import Count, Tally
from search.encoders.base import Embeddings
from search.errors import ItemInvalidError
from search.store.base import Entity, Store

FLUSH_ROWS = 1_000
"""Rows between two flushes: what a power failure may cost, and the next run writes again."""


@dataclass(frozen=True, slots=True)
class _Write:
    """An entity on its way, and what it counts as once it is stored."""

    change: Ready | ColumnsChanged
    entity: Entity
    count: Count


class Writer:
    """Writes batches into one collection. To be called from one thread at a time."""

    def __init__(
        self, store: Store, collection: str, tally: Tally, fail: Callable[[Failure], None]
    ) -> None:
        self._store = store
        self._collection = collection
        self._tally = tally
        self._fail = fail
        self._unflushed = 0

    def write_embedded(self, batch: Sequence[Ready], embeddings: Embeddings) -> None:
        """Store rows with their new embeddings, `(n, dim) float32` in the order of the rows."""
        with self._tally.timed("store"):
            self._upsert(
                [
                    _Write(
                        ready,
                        Entity(ready.row.item, embedding, ready.image_hash, ready.row.row_hash),
                        Count.UPDATED if ready.stored else Count.INDEXED,
                    )
                    for ready, embedding in zip(batch, embeddings, strict=True)
                ]
            )

    def write_columns(self, batch: Sequence[ColumnsChanged]) -> None:
        """Store rows with the embeddings that the store has of them already."""
        with self._tally.timed("store"):
            ids, embeddings = self._store.embeddings(
                self._collection, [changed.row.item.id for changed in batch]
            )
            stored = dict(zip(ids, embeddings, strict=True))
            writes = []
            for changed in batch:
                item = changed.row.item
                if item.id in stored:
                    entity = Entity(item, stored[item.id], changed.image_hash, changed.row.row_hash)
                    writes.append(_Write(changed, entity, Count.COLUMNS_UPDATED))
                else:
                    self._fail(changed.row.failure(_deleted(item.id)))
            self._upsert(writes)

    def flush(self) -> None:
        """Make everything that was written durable and quick to search."""
        if self._unflushed:
            with self._tally.timed("store"):
                self._store.flush(self._collection)
            self._unflushed = 0

    def _upsert(self, writes: Sequence[_Write]) -> None:
        if not writes:
            return
        try:
            self._store.upsert(self._collection, [write.entity for write in writes])
        except ItemInvalidError as error:
            # The store wrote nothing of it: halve until the item that it refuses stands alone.
            if len(writes) == 1:
                self._fail(writes[0].change.row.failure(error))
            else:
                middle = len(writes) // 2
                self._upsert(writes[:middle])
                self._upsert(writes[middle:])
            return
        for write in writes:
            self._tally.add(write.count)
        self._unflushed += len(writes)
        if self._unflushed >= FLUSH_ROWS:
            self._store.flush(self._collection)
            self._unflushed = 0


def _deleted(id: str) -> ItemInvalidError:
    return ItemInvalidError(
        f"Item {id!r} was deleted from the collection while it was being indexed.",
        hint="Run the same command again.",
    )
