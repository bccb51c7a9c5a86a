"""Items written one by one, beside the runs: each becomes what a run would make of its row.

A row goes the way of a run's: read and typed by the collection's fields, its image hashed and
compared with what is stored, decoded and embedded if it is new, upserted. Only the folder of a run
is left out, and with it what a run promises: a write that fails is to be sent again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.columns import Roles
from indexer.fetching import Fetcher
from indexer.job import between_runs, database_of
from indexer.patience import PatientStore
from indexer.plan import Plan
from indexer.preparing import ColumnsChanged, Comparer, ImageChanged, Ready, Task
from indexer.report import Failure
from indexer.rollout.holding import coming_version
from indexer.rows import Row, read_row
from indexer.sources import RawRow
from indexer.staged_images import StagedImages, hash_of
from indexer.staging import StagedEmbeddings
from indexer.tally import Count, Tally
from indexer.writing import Write, column_writes, upsert_writes
from search.encoders.base import Encoder, Pixels
from search.errors import (
    InvalidQueryError,
    ItemInvalidError,
    VitrineError,
    WriteConflictError,
)
from search.images import DECODING, ImageLimits, decode_image
from search.regions import has_regions
from search.store.base import CollectionSpec, Hashes, Store
from search.switching import Serving
from search.types import Item

MOST_TOGETHER = 100
"""Most items of one write: their pixels are in memory at once."""

_TRIES = 3
# No catalogue has columns of these names: whatever an item's columns are called, they are kept.
_ROLES = Roles("\0id", "\0image", "\0title", "\0product_id")


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item as it is to be. `columns` are those of a row that have no role.

    `data` are the image's bytes; `image` is the address that they came from, None for an upload,
    which is kept. With neither, an item that exists keeps its image.
    """

    id: str
    columns: Mapping[str, object]
    title: str = ""
    product_id: str | None = None
    image: str | None = None
    data: bytes | None = None


Outcome = Count | VitrineError
"""What became of an item: as a run counts it, or why it was refused."""


@dataclass(frozen=True, slots=True)
class ItemWriter:
    """Writes items into the live version of an alias. Safe to use from several threads.

    `serving` says which version answers, with an encoder of its model. `uploads` keeps images that
    came without an address. Nothing is written while a run with the same `job_dir` writes into the
    version or builds the next one, which would not have the item.
    """

    store: Store
    alias: str
    job_dir: Path
    limits: ImageLimits
    uploads: StagedImages
    serving: Callable[[], Serving]

    def put(self, items: Sequence[NewItem]) -> list[Outcome]:
        """Write items whole; what became of each, in order. An item may fail by itself.

        Raises:
            InvalidQueryError: more than `MOST_TOGETHER`, or one id twice.
            WriteConflictError: a run is in the way, or the collection holds regions of pictures.
            StoreUnavailableError, StoreError: some of them may have been written.
            UnavailableError: the job folder or an upload cannot be written.
        """
        _check_together([item.id for item in items])
        for _ in range(_TRIES):
            serving = self._live()
            with self._alone(serving.collection):
                pass  # Better said before anything is embedded.
            stored = self.store.hashes(serving.collection.name, [item.id for item in items])
            batch = _Batch(self, serving, stored)
            batch.prepare(items)
            with self._alone(serving.collection):
                if self.store.hashes(serving.collection.name, list(batch.outcomes)) == stored:
                    return batch.write()
        raise WriteConflictError("The items were written by others meanwhile.", hint="Try again.")

    def delete(self, ids: Sequence[str]) -> list[bool]:
        """Delete items; whether each was there, in order. Uploaded images stay.

        Raises as `put`.
        """
        _check_together(ids)
        collection = self._live().collection
        with self._alone(collection):
            there = self.store.hashes(collection.name, ids)
            if there:
                self.store.delete(collection.name, list(there))
                _patient(self.store, collection).settle()
        return [id in there for id in ids]

    def _live(self) -> Serving:
        """The live version, as long as it is the one that answers."""
        serving = self.serving()
        if has_regions(serving.collection.fields):
            raise WriteConflictError(
                "The collection holds regions of pictures, which only a run writes.",
                hint="Index the items from a catalogue.",
            )
        self._check_live(serving.collection)
        return serving

    def _check_live(self, collection: CollectionSpec) -> None:
        if self.store.resolve(self.alias).name != collection.name:
            raise WriteConflictError(
                "A new version of the collection is about to be served.", hint="Try in a moment."
            )

    @contextmanager
    def _alone(self, collection: CollectionSpec) -> Iterator[None]:
        """While this is open, no run writes into the collection or begins to."""
        names = (collection.name, coming_version(self.alias))
        database = database_of(self.store, self.job_dir)
        with between_runs(self.job_dir, self.alias, names, database):
            self._check_live(collection)
            yield


class _Batch:
    """Items on their way, compared with what is `stored` of their ids."""

    def __init__(self, writer: ItemWriter, serving: Serving, stored: Mapping[str, Hashes]) -> None:
        self._writer, self._stored = writer, stored
        self._collection, self._encoder = serving.collection, serving.encoder
        self._plan = plan_of(serving.collection)
        self._comparer = Comparer(Fetcher(writer.limits), StagedEmbeddings(), Tally())
        self._uploads: dict[str, bytes] = {}
        self._changed: list[ColumnsChanged] = []
        self._ready: list[Ready] = []
        self._writes: list[Write] = []
        self.outcomes: dict[str, Outcome] = {}
        """What became of each item so far; `UNCHANGED` until it is written."""

    def prepare(self, items: Sequence[NewItem]) -> None:
        """Compare all items and embed what is new; nothing is written."""
        bare = [item.id for item in items if item.data is None and item.id in self._stored]
        kept = self._writer.store.get(self._collection.name, bare) if bare else {}
        for item in items:
            self.outcomes[item.id] = Count.UNCHANGED
            try:
                self._compare(item, kept)
            except VitrineError as error:
                self.outcomes[item.id] = error
        if self._ready:
            embeddings = self._encoder.encode_pixels(
                np.concatenate([ready.pixels for ready in self._ready])
            )
            self._writes = [Write.of(ready, row) for ready, row in zip(self._ready, embeddings)]

    def write(self) -> list[Outcome]:
        """Write what is new; what became of each item, in their order."""
        for image_hash, data in self._uploads.items():
            self._writer.uploads.put(image_hash, data)
        store = _patient(self._writer.store, self._collection)
        columns, lost = column_writes(store, self._changed) if self._changed else ([], [])
        written, failures = upsert_writes(store, [*self._writes, *columns])
        if written:
            store.settle()
        self.outcomes |= {write.row.item.id: write.count for write in written}
        self.outcomes |= {str(each.id): refusal(each) for each in (*lost, *failures)}
        return list(self.outcomes.values())

    def _compare(self, item: NewItem, kept: Mapping[str, Item]) -> None:
        row = self._row(item, kept)
        if item.data is None:
            self._compare_columns(row, self._stored[item.id])
            return
        [found] = self._comparer.compare(Task(row, self._stored.get(item.id)))
        match found:
            case ImageChanged():
                pixels = _pixels(item.data, self._encoder, self._writer.limits)
                new = Ready(found.row, found.image_hash, None, pixels, found.stored)
                self._ready.append(new)
            case ColumnsChanged():
                self._changed.append(found)
            case Failure():
                raise refusal(found)
        if item.image is None:
            self._uploads[hash_of(item.data)] = item.data

    def _compare_columns(self, row: Row, stored: Hashes) -> None:
        if row.row_hash != stored.row_hash:
            self._changed.append(ColumnsChanged(row, stored.image_hash, None))

    def _row(self, item: NewItem, kept: Mapping[str, Item]) -> Row:
        if not item.id.strip() or item.id != item.id.strip():
            raise ItemInvalidError(
                f"An item's id cannot be {item.id!r}.",
                hint="Give it a text without spaces around it.",
                details={"id": item.id},
            )
        said = {
            _ROLES.id: item.id,
            _ROLES.title: item.title,
            _ROLES.product_id: item.product_id,
        }
        values = {**item.columns, **{str(role): value for role, value in said.items()}}
        raw = RawRow(1, values, self._image(item, kept), item.data)
        row = read_row(raw, self._plan)
        if isinstance(row, Failure):
            raise refusal(row)
        return row

    def _image(self, item: NewItem, kept: Mapping[str, Item]) -> str:
        if item.data is not None:
            return item.image or str(self._writer.uploads.path(hash_of(item.data)).absolute())
        if item.id in kept:
            return kept[item.id].image
        raise ItemInvalidError(
            f"Item {item.id!r} is new and has no image.",
            hint="Give image or image_url, or upload one.",
            details={"id": item.id},
        )


def plan_of(collection: CollectionSpec) -> Plan:
    """Where columns go in a collection that is there: its fields decide, the rest is `extra`."""
    return Plan(_ROLES, {field.name: field for field in collection.fields})


def refusal(failure: Failure) -> ItemInvalidError:
    """The error that the failure of a row is, for who sent one item."""
    return ItemInvalidError(
        failure.reason,
        hint="Correct it and send the item again.",
        details={"id": failure.id, "reason": failure.code},
    )


def _pixels(data: bytes, encoder: Encoder, limits: ImageLimits) -> Pixels:
    with DECODING:
        image = decode_image(data, limits, name="The image", at_least=encoder.decode_at_least)
        pixels: NDArray[np.uint8] = encoder.preprocess([image])
    return pixels


def _patient(store: Store, collection: CollectionSpec) -> PatientStore:
    # Somebody waits: a database that is away is said at once.
    return PatientStore(store, collection.name, patience_s=0)


def _check_together(ids: Sequence[str]) -> None:
    if len(ids) > MOST_TOGETHER:
        raise InvalidQueryError(
            f"The request names {len(ids)} items.", hint=f"Send at most {MOST_TOGETHER} at once."
        )
    twice = sorted({id for id in ids if ids.count(id) > 1})
    if twice:
        raise InvalidQueryError(
            f"The request names an item twice: {', '.join(twice)}.",
            hint="Name each once.",
            details={"ids": twice},
        )
