"""The stages as the workers of a cluster run them: batches of parcels in, batches of parcels out.

Each does what a stage of the local engine does, with the same functions. Errors that end a run
travel as parcels, so that the driver raises the very error.
"""

import hashlib
import os
import pickle
import socket
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.bulk import Held
from indexer.distributed.parcels import (
    Broken,
    Costs,
    Embedded,
    Parcel,
    Prepared,
    Staged,
    Stored,
    Tasks,
    pack,
    unpack,
)
from indexer.fetching import Fetcher, FetchOptions
from indexer.patience import PatientStore
from indexer.preparing import ColumnsChanged, Comparer, Preparer, Ready, Reused, Unchanged
from indexer.report import Failure
from indexer.shard_folder import ShardFolder
from indexer.staged_images import StagedImages
from indexer.staging import StagedEmbeddings, stage_entities
from indexer.tally import Count, Stage, Tally
from indexer.writing import Write, column_writes, upsert_writes
from search.encoders.base import Encoder, ModelIdentity, Preprocessor
from search.errors import ModelMismatchError, VitrineError
from search.images import ImageLimits

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """Where workers find the database; `shared` is false where only one process may open it."""

    uri: str
    token: str | None = field(repr=False)
    timeout_s: float
    shared: bool


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything that the workers of a run need to know.

    `preprocessor` gives the encoder's, pickled: only those who use it pay for what it imports, and
    what goes wrong then is an error of the run (a worker that cannot start is started again and
    again). `staged` gets the embeddings of earlier runs out of the cluster's object store: one
    copy for all workers of a machine. With `held` rows are checked and staged, and not stored.
    """

    identity: ModelIdentity
    model: str
    device: str
    precision: str
    preprocessor: Callable[[], bytes]
    limits: ImageLimits
    fetch: FetchOptions
    staged: Callable[[], StagedEmbeddings]
    images: StagedImages | None
    shards: ShardFolder
    collection: str
    store: StoreAddress
    held: Held | None = None


class _Worker:
    """A stage's process: unpacks what comes, and packs what the stage makes of it."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup

    def __call__(self, table: "pa.Table") -> "pa.Table":
        parcels = unpack(table)
        if broken := [parcel for parcel in parcels if isinstance(parcel, Broken)]:
            return pack(broken)
        try:
            return pack(self.work(parcels))
        except VitrineError as error:
            return pack([Broken(error)])

    def work(self, parcels: Sequence[Any]) -> Sequence[Parcel]:
        """What the stage does."""
        raise AssertionError("every stage has its own")


class Prepare(_Worker):
    """Fetches, compares and decodes."""

    @cached_property
    def _fetcher(self) -> Fetcher:
        return Fetcher(self.setup.limits, self.setup.fetch)

    @cached_property
    def _preprocessor(self) -> Preprocessor:
        preprocessor: Preprocessor = pickle.loads(self.setup.preprocessor())
        return preprocessor

    @cached_property
    def _staged(self) -> StagedEmbeddings:
        return self.setup.staged()

    @cached_property
    def _name(self) -> str:
        return f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"

    def work(self, parcels: Sequence[Tasks]) -> list[Prepared]:
        """Make rows ready for the model, or find that they need none."""
        return [self._prepared(parcel) for parcel in parcels]

    def _prepared(self, parcel: Tasks) -> Prepared:
        tally = Tally()
        comparer = Comparer(self._fetcher, self._staged, tally, self.setup.images)
        preparer = Preparer(comparer, self._preprocessor, self.setup.limits)
        # All images that are elsewhere are on their way before the first is waited for.
        begun = [
            (row, comparer.fetch(row) if not isinstance(row, Failure) and row.remote else None)
            for row in parcel.rows
        ]
        outcomes = tuple(
            outcome
            for row, fetching in begun
            for outcome in ((row,) if isinstance(row, Failure) else preparer.prepare(row, fetching))
        )
        hosts = tuple(self._fetcher.hosts())
        return Prepared(parcel.first_row, outcomes, Costs.of(tally), self._name, hosts)


class Encode(_Worker):
    """Embeds what is ready, on one device."""

    @cached_property
    def _encoder(self) -> Encoder:
        from search.encoders import load_encoder

        setup = self.setup
        encoder = load_encoder(setup.model, device=setup.device, precision=setup.precision)
        check_same(encoder.identity, setup.identity, setup.model)
        return encoder

    def work(self, parcels: Sequence[Prepared]) -> list[Embedded]:
        """Add the embeddings."""
        return [self._embedded(parcel) for parcel in parcels]

    def _embedded(self, parcel: Prepared) -> Embedded:
        tally, outcomes = Tally(), parcel.outcomes
        ready = [one for one in outcomes if isinstance(one, Ready)]
        reused = [one for one in outcomes if isinstance(one, Reused)]
        writes = [Write.of(one, one.embedding) for one in reused]
        if ready:
            pixels = np.concatenate([one.pixels for one in ready])
            encoder = self._encoder
            with tally.timed(Stage.ENCODE):
                embeddings = encoder.encode_pixels(pixels)
            tally.passed(Stage.ENCODE, len(ready))
            writes += [Write.of(one, row) for one, row in zip(ready, embeddings, strict=True)]
        return Embedded(
            first_row=parcel.first_row,
            writes=tuple(writes),
            changed=tuple(one for one in outcomes if isinstance(one, ColumnsChanged)),
            unchanged=sum(isinstance(one, Unchanged) for one in outcomes),
            failures=tuple(one for one in outcomes if isinstance(one, Failure)),
            known={
                one.row.item.image: one.known
                for one in outcomes
                if not isinstance(one, Failure) and one.known is not None
            },
            costs=parcel.costs + Costs.of(tally),
            worker=parcel.worker,
            hosts=parcel.hosts,
        )


def check_same(found: ModelIdentity, wanted: ModelIdentity, model: str) -> None:
    """Raise ModelMismatchError if the model here is another one than that of the run."""
    if found.fingerprint != wanted.fingerprint:
        raise ModelMismatchError(
            f"The model {model!r} on {socket.gethostname()} ({found.fingerprint[:12]}) is not the "
            f"one that the run was started with ({wanted.fingerprint[:12]}).",
            hint="Put the same files of the model on every machine of the cluster. If they have "
            "changed since the collection was made, index into another one.",
        )


class Store(_Worker):
    """Writes a shard, then its rows into the database, or leaves that to the driver."""

    @cached_property
    def _store(self) -> PatientStore:
        from search.store import open_store

        at = self.setup.store
        store = open_store(at.uri, token=at.token, timeout_s=at.timeout_s, create=False)
        return PatientStore(store, self.setup.collection)

    def work(self, parcels: Sequence[Embedded]) -> list[Stored | Staged]:
        """Stage all parcels in one shard."""
        tally = Tally()
        writes = [write for parcel in parcels for write in parcel.writes]
        if writes:
            # The rows decide the name: made once more, the same shard takes the other's place.
            rows = repr([parcel.first_row for parcel in parcels]).encode()
            digest = hashlib.blake2b(rows, digest_size=4).hexdigest()
            name = f"{parcels[0].first_row:012}-{digest}"
            with tally.timed(Stage.STAGE):
                stage_entities(self.setup.shards, name, [write.entity for write in writes])
            tally.passed(Stage.STAGE, len(writes))
        if self.setup.store.shared:
            return [store_parcels(self._store, parcels, Costs.of(tally), self.setup.held)]
        return [Staged(tuple(parcels), Costs.of(tally))]


def store_parcels(
    store: PatientStore, parcels: Sequence[Embedded], costs: Costs, held: Held | None = None
) -> Stored:
    """Bring parcels into the database; what became of their rows. `costs`: those of staging.

    With `held`, which is asked in its place, the database does not hear of them yet.

    Raises:
        StoreUnavailableError, StoreError: from the store; the same call may be made again.
    """
    tally = Tally()
    changed = [one for parcel in parcels for one in parcel.changed]
    failures = [failure for parcel in parcels for failure in parcel.failures]
    stored: list[Write] = []
    with tally.timed(Stage.STORE):
        for writes, refused in (
            ([write for parcel in parcels for write in parcel.writes], []),
            column_writes(store, changed) if changed else ([], []),
        ):
            failures += refused
            done, refused = upsert_writes(held or store, writes)
            stored += done
            failures += refused
    if held is None:
        tally.passed(Stage.STORE, len(stored))
    counts = Counter(write.count for write in stored)
    counts[Count.UNCHANGED] += sum(parcel.unchanged for parcel in parcels)
    return Stored(
        counts=counts,
        reused=sum(write.reused for write in stored),
        failures=tuple(failures),
        known={address: known for parcel in parcels for address, known in parcel.known.items()},
        costs=sum((parcel.costs for parcel in parcels), costs + Costs.of(tally)),
        hosts={parcel.worker: parcel.hosts for parcel in parcels},
    )
